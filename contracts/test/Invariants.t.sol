// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {AnchorRegistry} from "../src/AnchorRegistry.sol";
import {IAnchorRegistry} from "../src/IAnchorRegistry.sol";
import {RegistryTest, RegistryUser} from "./RegistryTest.sol";
import {Vm} from "./Vm.sol";

/// @dev Uses the registry at random, over a few roots and lists so that collisions are frequent, and rebuilds its state
/// from events alone, as somebody would who only reads the ledger.
contract Handler is RegistryUser {
    uint256 public constant KEYS = 24;

    mapping(bytes32 root => IAnchorRegistry.Anchor) public anchorFromEvents;
    mapping(bytes32 listId => IAnchorRegistry.StatusList) public statusListFromEvents;
    mapping(bytes32 root => uint256) public eventsOfRoot;
    mapping(bytes32 listId => uint256) public eventsOfList;
    uint256 public rootEvents;
    uint256 public strangerWrites;

    constructor(AnchorRegistry registry_) {
        registry = registry_;
        role = registry_.ANCHORER_ROLE();
        loadSelectors();
    }

    function anchorRoot(uint256 key, uint64 leafCount) external {
        act(abi.encodeCall(registry.anchor, (keyOf(key), leafCount)));
    }

    function anchorRawRoot(uint256 key) external {
        act(abi.encode(keyOf(key)));
    }

    function publishNext(uint256 key, bytes32 digest) external {
        bytes32 listId = keyOf(key);
        act(abi.encodeCall(registry.publishStatusList, (listId, registry.statusListOf(listId).version + 1, digest)));
    }

    function publishAny(uint256 key, uint64 version, bytes32 digest) external {
        act(abi.encodeCall(registry.publishStatusList, (keyOf(key), version, digest)));
    }

    function anchorTwo(uint256 key, uint256 otherKey, uint64 leafCount) external {
        bytes[] memory calls = new bytes[](2);
        calls[0] = abi.encodeCall(registry.anchor, (keyOf(key), leafCount));
        calls[1] = abi.encodeCall(registry.anchor, (keyOf(otherKey), leafCount));
        act(abi.encodeCall(registry.multicall, (calls)));
    }

    function revokeOrGrantAnchorer() external {
        bytes memory data = registry.hasRole(role, ANCHORER)
            ? abi.encodeCall(registry.revokeRole, (role, ANCHORER))
            : abi.encodeCall(registry.grantRole, (role, ANCHORER));
        vm.assertTrue(observe(ADMIN, data));
    }

    function stranger(address caller, uint256 which, bytes32 first, uint64 second, bytes32 third) external {
        vm.assume(caller != ADMIN && caller != ANCHORER);
        bytes4 selector = selectors[which % selectors.length];
        vm.record();
        bool success = observe(caller, abi.encodePacked(selector, first, uint256(second), third));
        (, bytes32[] memory writes) = vm.accesses(address(registry));
        if (success) strangerWrites += writes.length;
    }

    function passTime(uint32 elapsed, uint16 blocks) external {
        vm.warp(block.timestamp + elapsed);
        vm.roll(block.number + blocks);
    }

    function keyOf(uint256 key) public pure returns (bytes32) {
        return bytes32(key % KEYS);
    }

    /// @dev A transaction of the anchorer, which must fail when the role was revoked.
    function act(bytes memory data) private {
        bool success = observe(ANCHORER, data);
        vm.assertTrue(!success || registry.hasRole(role, ANCHORER));
    }

    /// @dev Sends a transaction and reads its events, if it succeeds: forge records those of reverted calls as well.
    function observe(address sender, bytes memory data) private returns (bool success) {
        vm.recordLogs();
        (success,) = send(sender, data);
        if (success) readEvents(vm.getRecordedLogs());
    }

    function readEvents(Vm.Log[] memory logs) private {
        for (uint256 i = 0; i < logs.length; ++i) {
            vm.assertEq(logs[i].emitter, address(registry));
            bytes32[] memory topics = logs[i].topics;
            if (topics[0] == IAnchorRegistry.RootAnchored.selector) {
                vm.assertEq(topics[3], bytes32(uint256(uint160(ANCHORER))));
                anchorFromEvents[topics[1]] = IAnchorRegistry.Anchor({
                    sequence: uint64(uint256(topics[2])),
                    timestamp: uint64(block.timestamp),
                    blockNumber: uint64(block.number),
                    leafCount: abi.decode(logs[i].data, (uint64))
                });
                ++eventsOfRoot[topics[1]];
                vm.assertEq(uint256(topics[2]), ++rootEvents);
            } else if (topics[0] == IAnchorRegistry.StatusListPublished.selector) {
                statusListFromEvents[topics[1]] = IAnchorRegistry.StatusList({
                    version: uint64(uint256(topics[2])),
                    timestamp: uint64(block.timestamp),
                    digest: abi.decode(logs[i].data, (bytes32))
                });
                vm.assertEq(uint256(topics[2]), ++eventsOfList[topics[1]]);
            }
        }
    }
}

contract RegistryInvariants is RegistryTest {
    Handler private handler;

    function setUp() public override {
        super.setUp();
        handler = new Handler(registry);
    }

    /// @dev Read by forge: what is called at random.
    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @dev Holds only if an anchor, once made, never changes: its event is not repeated.
    function invariant_AnchorIsWhatItsOnlyEventSays() public view {
        for (uint256 i = 0; i < handler.KEYS(); ++i) {
            bytes32 root = handler.keyOf(i);
            (uint64 sequence, uint64 timestamp, uint64 blockNumber, uint64 leafCount) = handler.anchorFromEvents(root);
            assertAnchor(root, IAnchorRegistry.Anchor(sequence, timestamp, blockNumber, leafCount));
            vm.assertEq(handler.eventsOfRoot(root), sequence == 0 ? 0 : 1);
        }
    }

    function invariant_StatusListIsWhatItsEventsSay() public view {
        for (uint256 i = 0; i < handler.KEYS(); ++i) {
            bytes32 listId = handler.keyOf(i);
            (uint64 version, uint64 timestamp, bytes32 digest) = handler.statusListFromEvents(listId);
            assertStatusList(listId, IAnchorRegistry.StatusList(version, timestamp, digest));
            vm.assertEq(handler.eventsOfList(listId), version);
        }
    }

    function invariant_AnchorCountIsTheNumberOfEvents() public view {
        vm.assertEq(registry.anchorCount(), handler.rootEvents());
    }

    function invariant_StrangersWriteNothing() public view {
        vm.assertEq(handler.strangerWrites(), 0);
    }
}
