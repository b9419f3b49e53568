// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

import {IAnchorRegistry} from "../src/IAnchorRegistry.sol";
import {RegistryTest} from "./RegistryTest.sol";

contract MulticallTest is RegistryTest {
    function setUp() public override {
        super.setUp();
        loadSelectors();
    }

    function test_DoesARoundInOneTransaction() public {
        bytes[] memory calls = new bytes[](3);
        calls[0] = abi.encodeCall(registry.publishStatusList, (LIST, 1, DIGEST));
        calls[1] = abi.encodeCall(registry.anchor, (ROOT, 7));
        calls[2] = abi.encodeCall(registry.anchor, (OTHER_ROOT, 8));
        vm.prank(ANCHORER);
        bytes[] memory results = registry.multicall(calls);
        vm.assertEq(results[0], "");
        vm.assertEq(results[1], abi.encode(1));
        vm.assertEq(results[2], abi.encode(2));
        assertStatusList(LIST, IAnchorRegistry.StatusList(1, uint64(block.timestamp), DIGEST));
        assertAnchor(OTHER_ROOT, IAnchorRegistry.Anchor(2, uint64(block.timestamp), uint64(block.number), 8));
    }

    function test_TakesEffectAsAWholeOrNotAtAll() public {
        anchor(OTHER_ROOT, 1);
        bytes[] memory calls = new bytes[](3);
        calls[0] = abi.encodeCall(registry.anchor, (ROOT, 7));
        calls[1] = abi.encodeCall(registry.publishStatusList, (LIST, 1, DIGEST));
        calls[2] = abi.encodeCall(registry.anchor, (OTHER_ROOT, 8));
        vm.expectRevert(abi.encodeWithSelector(IAnchorRegistry.RootAlreadyAnchored.selector, OTHER_ROOT, 1));
        vm.prank(ANCHORER);
        registry.multicall(calls);
        assertNotAnchored(ROOT);
        assertStatusList(LIST, IAnchorRegistry.StatusList(0, 0, 0));
        vm.assertEq(registry.anchorCount(), 1);
    }

    function testFuzz_RevertsWithoutRole(address caller) public {
        vm.assume(caller != ANCHORER);
        vm.expectRevert(abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, caller, role));
        vm.prank(caller);
        registry.multicall(only(abi.encodeCall(registry.anchor, (ROOT, 7))));
    }

    function testFuzz_RefusesARawRoot(bytes32 root) public {
        bytes memory item = abi.encode(root);
        (bool success, bytes memory reason) = send(ANCHORER, abi.encodeCall(registry.multicall, (only(item))));
        vm.assertFalse(success);
        vm.assertEq(reason, abi.encodeWithSelector(IAnchorRegistry.InvalidMulticallItem.selector, 0, 32));
        assertNotAnchored(root);
    }

    function test_RefusesARawRootInANestedMulticall() public {
        bytes memory inner = abi.encodeCall(registry.multicall, (only(abi.encode(ROOT))));
        (bool success, bytes memory reason) = send(ANCHORER, abi.encodeCall(registry.multicall, (only(inner))));
        vm.assertFalse(success);
        vm.assertEq(reason, abi.encodeWithSelector(IAnchorRegistry.InvalidMulticallItem.selector, 0, 32));
    }

    function test_RefusesARawRootAfterGoodItems() public {
        bytes[] memory calls = new bytes[](2);
        calls[0] = abi.encodeCall(registry.anchor, (ROOT, 7));
        calls[1] = abi.encode(OTHER_ROOT);
        (bool success, bytes memory reason) = send(ANCHORER, abi.encodeCall(registry.multicall, (calls)));
        vm.assertFalse(success);
        vm.assertEq(reason, abi.encodeWithSelector(IAnchorRegistry.InvalidMulticallItem.selector, 1, 32));
        assertNotAnchored(ROOT);
    }

    function test_RefusesAnItemWithoutSelector() public {
        for (uint256 length = 0; length < 4; ++length) {
            vm.expectRevert(abi.encodeWithSelector(IAnchorRegistry.InvalidMulticallItem.selector, 0, length));
            vm.prank(ANCHORER);
            registry.multicall(only(new bytes(length)));
        }
    }

    function testFuzz_RefusesUnknownCalls(bytes memory item) public {
        vm.assume(item.length != 32 && item.length >= 4 && !isSelector[bytes4(item)]);
        vm.expectRevert(abi.encodeWithSelector(IAnchorRegistry.NotARawRoot.selector, item.length));
        vm.prank(ANCHORER, ANCHORER);
        registry.multicall(only(item));
    }

    function test_DoesNothingForNoItems() public {
        vm.prank(STRANGER);
        vm.assertEq(registry.multicall(new bytes[](0)).length, 0);
    }

    function only(bytes memory item) private pure returns (bytes[] memory calls) {
        calls = new bytes[](1);
        calls[0] = item;
    }
}
