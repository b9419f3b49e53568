// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {AnchorRegistry} from "../src/AnchorRegistry.sol";
import {IAnchorRegistry} from "../src/IAnchorRegistry.sol";
import {RegistryUser} from "./RegistryTest.sol";

/// @dev The cheatcodes of halmos that are used here.
interface Svm {
    function createCalldata(string calldata contractName) external pure returns (bytes memory);
    function enableSymbolicStorage(address account) external;
}

/// @dev What is called: a function that is no view, a raw root, or two functions in one transaction.
enum Kind {
    FUNCTION,
    RAW_ROOT,
    MULTICALL
}

/// @dev What holds for every call by anybody, from every state there can be: `make analyze` has halmos look for an
/// exception. Storage is symbolic, so what holds for one call holds for any number of them.
contract Symbolic is RegistryUser {
    Svm private constant svm = Svm(address(uint160(uint256(keccak256("svm cheat code")))));

    function setUp() public {
        registry = new AnchorRegistry(DELAY, ADMIN, ANCHORER, PREDECESSOR);
        role = registry.ANCHORER_ROLE();
        svm.enableSymbolicStorage(address(registry));
    }

    function check_AnAnchorIsNeverChangedOrRemoved(
        address caller,
        address origin,
        bytes32 word,
        Kind kind,
        bytes32 root
    ) public {
        IAnchorRegistry.Anchor memory before = registry.anchorOf(root);
        vm.assume(before.sequence != 0);
        act(caller, origin, word, kind);
        assert(keccak256(abi.encode(registry.anchorOf(root))) == keccak256(abi.encode(before)));
    }

    function check_AVersionOfAListIsNeverChangedOrRemoved(
        address caller,
        address origin,
        bytes32 word,
        Kind kind,
        bytes32 listId
    ) public {
        IAnchorRegistry.StatusList memory before = registry.statusListOf(listId);
        act(caller, origin, word, kind);
        IAnchorRegistry.StatusList memory then = registry.statusListOf(listId);
        assert(then.version >= before.version);
        assert(then.version != before.version || (then.timestamp == before.timestamp && then.digest == before.digest));
    }

    function check_NobodyWithoutTheRoleRecordsAnything(
        address caller,
        address origin,
        bytes32 word,
        Kind kind,
        bytes32 root
    ) public {
        vm.assume(!registry.hasRole(role, caller) && !canGrant(caller));
        bytes32 before = recorded(root);
        act(caller, origin, word, kind);
        assert(recorded(root) == before);
    }

    function check_NobodyElseThanTheAdministratorSaysWhoAnchors(
        address caller,
        address origin,
        bytes32 word,
        Kind kind,
        address account
    ) public {
        vm.assume(!canGrant(caller));
        bool before = registry.hasRole(role, account);
        act(caller, origin, word, kind);
        bool then = registry.hasRole(role, account);
        assert(then == before || (!then && caller == account)); // one may lay down a role
    }

    function check_WhoAdministersARoleAndThePredecessorAreNeverChanged(
        address caller,
        address origin,
        bytes32 word,
        Kind kind,
        bytes32 anyRole
    ) public {
        (bytes32 administrator, address predecessor) = (registry.getRoleAdmin(anyRole), registry.predecessor());
        act(caller, origin, word, kind);
        assert(registry.getRoleAdmin(anyRole) == administrator && registry.predecessor() == predecessor);
    }

    /// @dev Any call with whatever arguments, that succeeds; one that fails leaves everything as it was.
    function act(address caller, address origin, bytes32 word, Kind kind) private {
        bytes memory data = svm.createCalldata("AnchorRegistry");
        if (kind == Kind.RAW_ROOT) data = abi.encodePacked(word);
        if (kind == Kind.MULTICALL) {
            bytes[] memory items = new bytes[](2);
            (items[0], items[1]) = (data, svm.createCalldata("AnchorRegistry"));
            data = abi.encodeCall(registry.multicall, (items));
        }
        vm.prank(caller, origin);
        (bool success,) = address(registry).call(data);
        vm.assume(success);
    }

    /// @dev Whether the caller may make anchorers: the administrator, and who may take over from it. That the
    /// administrator of the role is the default one holds from the start, and is never changed (above).
    function canGrant(address caller) private view returns (bool) {
        vm.assume(registry.getRoleAdmin(role) == bytes32(0));
        (address next,) = registry.pendingDefaultAdmin();
        return registry.hasRole(bytes32(0), caller) || caller == next;
    }

    function recorded(bytes32 key) private view returns (bytes32) {
        return keccak256(abi.encode(registry.anchorOf(key), registry.statusListOf(key), registry.anchorCount()));
    }
}
