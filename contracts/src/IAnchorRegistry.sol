// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// @title The public face of the anchor registry
/// @notice Records roots of Merkle trees over credential digests, and the newest version of each status list. What is
/// recorded stays: no function alters or removes an anchor, none pauses the registry, and there is no proxy.
/// @dev {MerkleInclusion} says how leaves and nodes are hashed. Nothing here tells issuers apart: that a list or a leaf
/// belongs to an issuer follows from its derivation, which verifiers repeat.
interface IAnchorRegistry {
    /// @notice What is recorded about a root.
    struct Anchor {
        uint64 sequence; // Place among the anchors of this registry, from 1; 0 if the root is not anchored.
        uint64 timestamp; // Time of the block that holds the anchor, in Unix seconds.
        uint64 blockNumber; // Height of that block.
        uint64 leafCount; // Number of leaves under the root; 0 if not stated (see the raw root in {AnchorRegistry}).
    }

    /// @notice The head of a status list: its newest published version.
    struct StatusList {
        uint64 version; // Counts publications, from 1; 0 if the list was never published.
        uint64 timestamp; // Time of the block that holds the publication, in Unix seconds.
        bytes32 digest; // Digest of the list's bits at this version.
    }

    /// @notice A root was anchored. Emitted exactly once per root.
    /// @param root The root of the tree.
    /// @param sequence The place of the anchor among all anchors of this registry, from 1.
    /// @param leafCount The number of leaves under the root, or 0 if not stated.
    /// @param anchoredBy The account that anchored it.
    event RootAnchored(bytes32 indexed root, uint64 indexed sequence, uint64 leafCount, address indexed anchoredBy);

    /// @notice A new version of a status list was published. Emitted exactly once per list and version.
    /// @param listId The list.
    /// @param version The version, one more than the one before.
    /// @param digest The digest of the list's bits at this version.
    event StatusListPublished(bytes32 indexed listId, uint64 indexed version, bytes32 digest);

    /// @notice The root is anchored already.
    error RootAlreadyAnchored(bytes32 root, uint64 sequence);

    /// @notice The zero word is the root of no tree.
    error ZeroRoot();

    /// @notice A tree that is anchored has at least one leaf.
    error EmptyTree(bytes32 root);

    /// @notice The version is not the one that follows the published one.
    error StaleStatusVersion(bytes32 listId, uint64 published, uint64 offered);

    /// @notice The calldata selects no function and is not a raw root: it is not 32 bytes long.
    error NotARawRoot(uint256 length);

    /// @notice A raw root must be the calldata of the transaction itself, but the caller is not its sender.
    error RawRootNotFromSender(address caller, address sender);

    /// @notice An item of a multicall has the length of a raw root, or is too short to select a function.
    error InvalidMulticallItem(uint256 index, uint256 length);

    /// @notice Anchors a root.
    /// @dev Requires `ANCHORER_ROLE`. Reverts with {ZeroRoot}, {EmptyTree} or {RootAlreadyAnchored}.
    /// @param root The root of the tree.
    /// @param leafCount The number of leaves under the root; {verifyInclusion} relies on it.
    /// @return sequence The place of the anchor among all anchors of this registry, from 1.
    function anchor(bytes32 root, uint64 leafCount) external returns (uint64 sequence);

    /// @notice Publishes the next version of a status list.
    /// @dev Requires `ANCHORER_ROLE`. Reverts with {StaleStatusVersion} unless `version` is exactly one more than the
    /// published one: were a jump allowed, a single call could use up the versions of a list.
    /// @param listId The list.
    /// @param version The version, one more than the one before; the first is 1.
    /// @param digest The digest of the list's bits at this version.
    function publishStatusList(bytes32 listId, uint64 version, bytes32 digest) external;

    /// @notice Makes several calls in one transaction: all of them take effect, or none.
    /// @dev Reverts with {InvalidMulticallItem} for an item of 32 bytes, which could pass for a raw root, or of fewer
    /// than 4. Errors of the calls are passed on as they are.
    /// @param data The calls, each a selector with its arguments.
    /// @return results What each call returned.
    function multicall(bytes[] calldata data) external returns (bytes[] memory results);

    /// @notice What is recorded about a root; all zeros if it is not anchored.
    function anchorOf(bytes32 root) external view returns (Anchor memory);

    /// @notice The number of anchors, which is the sequence of the newest.
    function anchorCount() external view returns (uint64);

    /// @notice The head of a status list; all zeros if it was never published.
    function statusListOf(bytes32 listId) external view returns (StatusList memory);

    /// @notice Whether a digest is a leaf of an anchored tree, for this issuer and salt, at this place.
    /// @dev The leaf is hashed here and the tree has the size that was anchored, so neither an inner node nor a path of
    /// another length or for another place passes. False also if the root is not anchored or its size not stated.
    /// @param root The root of the tree.
    /// @param issuerId SHA-256 of the issuer's DID.
    /// @param salt The salt of the leaf.
    /// @param digest SHA-256 of the credential's canonical form.
    /// @param leafIndex The place of the leaf in the tree, from 0.
    /// @param path The inclusion proof: sibling hashes, from the leaf up.
    function verifyInclusion(
        bytes32 root,
        bytes32 issuerId,
        bytes16 salt,
        bytes32 digest,
        uint256 leafIndex,
        bytes32[] calldata path
    ) external view returns (bool);

    /// @notice The hash of a leaf: SHA-256(0x00 ‖ issuerId ‖ salt ‖ digest).
    function leafHashOf(bytes32 issuerId, bytes16 salt, bytes32 digest) external pure returns (bytes32);

    /// @notice The registry that this one continues, or zero. Its anchors remain there and remain good.
    function predecessor() external view returns (address);

    /// @notice The role that may anchor roots and publish status lists, and nothing else.
    function ANCHORER_ROLE() external view returns (bytes32);
}
