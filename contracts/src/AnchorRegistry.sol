// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {Multicall} from "@openzeppelin/contracts/utils/Multicall.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IAnchorRegistry} from "./IAnchorRegistry.sol";
import {MerkleInclusion} from "./MerkleInclusion.sol";

/// @title Anchor registry
/// @notice See {IAnchorRegistry}. The administrator grants and revokes `ANCHORER_ROLE` and can touch nothing that is
/// recorded; handing the administration over takes two steps and a delay. To stop an anchorer, revoke its role.
///
/// Beside its functions the registry takes a *raw root*: a transaction whose whole calldata is a root anchors it, so
/// that verifiers who compare the calldata with the root are served by the same transaction. The leaf count is then not
/// stated and cannot be added later. A root whose first four bytes equal a selector of this contract calls that
/// function instead: such a root needs {anchor}.
contract AnchorRegistry is IAnchorRegistry, AccessControlDefaultAdminRules, Multicall {
    using SafeCast for uint256;

    /// @inheritdoc IAnchorRegistry
    bytes32 public constant ANCHORER_ROLE = keccak256("ANCHORER_ROLE");

    /// @dev Slot 3; part of the public face, because storage proofs read it. The anchor of a root is the one word at
    /// keccak256(root ‖ uint256(3)): sequence in its low 64 bits, then timestamp, blockNumber and leafCount.
    mapping(bytes32 root => Anchor) private _anchors;

    /// @dev Slot 4; likewise. The head of a list is two words from keccak256(listId ‖ uint256(4)) on: version in the
    /// low 64 bits of the first, then timestamp; digest in the second.
    mapping(bytes32 listId => StatusList) private _statusLists;

    /// @inheritdoc IAnchorRegistry
    /// @dev The low 64 bits of slot 5.
    uint64 public anchorCount;

    /// @inheritdoc IAnchorRegistry
    /// @dev Set by the constructor alone, yet not `immutable`: so every deployment has the same runtime code, and
    /// verifiers can pin one code hash.
    address public predecessor;

    /// @param initialDelay Seconds between the two steps of handing over the administration.
    /// @param initialAdmin The first administrator.
    /// @param initialAnchorer The first account with `ANCHORER_ROLE`, or zero for none.
    /// @param predecessor_ The registry that this one continues, or zero.
    constructor(uint48 initialDelay, address initialAdmin, address initialAnchorer, address predecessor_)
        AccessControlDefaultAdminRules(initialDelay, initialAdmin)
    {
        if (initialAnchorer != address(0)) _grantRole(ANCHORER_ROLE, initialAnchorer);
        predecessor = predecessor_;
    }

    /// @notice Anchors a raw root: the whole calldata, 32 bytes, of a transaction that an anchorer sends itself.
    /// @dev `tx.origin` is compared, not trusted: who checks a raw root looks at the calldata of the transaction, which
    /// is that of this call only if the caller is the sender of the transaction.
    fallback() external {
        if (msg.data.length != 32) revert NotARawRoot(msg.data.length);
        if (msg.sender != tx.origin) revert RawRootNotFromSender(msg.sender, tx.origin);
        _checkRole(ANCHORER_ROLE);
        _anchor(bytes32(msg.data), 0);
    }

    /// @inheritdoc IAnchorRegistry
    function anchor(bytes32 root, uint64 leafCount) external onlyRole(ANCHORER_ROLE) returns (uint64 sequence) {
        if (leafCount == 0) revert EmptyTree(root);
        return _anchor(root, leafCount);
    }

    /// @inheritdoc IAnchorRegistry
    function publishStatusList(bytes32 listId, uint64 version, bytes32 digest) external onlyRole(ANCHORER_ROLE) {
        StatusList storage head = _statusLists[listId];
        if (version != head.version + 1) revert StaleStatusVersion(listId, head.version, version);
        uint64 timestamp = block.timestamp.toUint64();
        head.version = version;
        head.timestamp = timestamp;
        head.digest = digest;
        emit StatusListPublished(listId, version, digest);
    }

    /// @inheritdoc IAnchorRegistry
    function multicall(bytes[] calldata data)
        public
        override(IAnchorRegistry, Multicall)
        returns (bytes[] memory results)
    {
        for (uint256 i = 0; i < data.length; ++i) {
            uint256 length = data[i].length;
            if (length == 32 || length < 4) revert InvalidMulticallItem(i, length);
        }
        return super.multicall(data);
    }

    /// @inheritdoc IAnchorRegistry
    function anchorOf(bytes32 root) external view returns (Anchor memory) {
        return _anchors[root];
    }

    /// @inheritdoc IAnchorRegistry
    function statusListOf(bytes32 listId) external view returns (StatusList memory) {
        return _statusLists[listId];
    }

    /// @inheritdoc IAnchorRegistry
    function verifyInclusion(
        bytes32 root,
        bytes32 issuerId,
        bytes16 salt,
        bytes32 digest,
        uint256 leafIndex,
        bytes32[] calldata path
    ) external view returns (bool) {
        bytes32 leaf = MerkleInclusion.leafHash(issuerId, salt, digest);
        uint64 treeSize = _anchors[root].leafCount;
        return MerkleInclusion.verify(path, root, leaf, leafIndex, treeSize);
    }

    /// @inheritdoc IAnchorRegistry
    function leafHashOf(bytes32 issuerId, bytes16 salt, bytes32 digest) external pure returns (bytes32) {
        return MerkleInclusion.leafHash(issuerId, salt, digest);
    }

    /// @dev Records a root, once and for ever.
    function _anchor(bytes32 root, uint64 leafCount) private returns (uint64 sequence) {
        if (root == bytes32(0)) revert ZeroRoot();
        Anchor storage record = _anchors[root];
        if (record.sequence != 0) revert RootAlreadyAnchored(root, record.sequence);
        uint64 timestamp = block.timestamp.toUint64();
        uint64 blockNumber = block.number.toUint64();
        sequence = ++anchorCount;
        // Nothing in between, so that the compiler makes one write of the four.
        record.sequence = sequence;
        record.timestamp = timestamp;
        record.blockNumber = blockNumber;
        record.leafCount = leafCount;
        emit RootAnchored(root, sequence, leafCount, msg.sender);
    }
}
