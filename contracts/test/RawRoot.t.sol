// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

import {IAnchorRegistry} from "../src/IAnchorRegistry.sol";
import {RegistryTest} from "./RegistryTest.sol";

contract Forwarder {
    function forward(address target, bytes calldata data) external returns (bool success, bytes memory result) {
        return target.call(data);
    }
}

/// @dev The fallback: a transaction whose whole calldata is a root.
contract RawRootTest is RegistryTest {
    function setUp() public override {
        super.setUp();
        loadSelectors();
    }

    function testFuzz_AnchorsWithoutLeafCount(bytes32 root) public {
        vm.assume(root != 0 && !isSelector[bytes4(root)]);
        vm.expectEmit(address(registry));
        emit IAnchorRegistry.RootAnchored(root, 1, 0, ANCHORER);
        (bool success, bytes memory result) = send(ANCHORER, abi.encode(root));
        vm.assertTrue(success);
        vm.assertEq(result, "");
        assertAnchor(root, IAnchorRegistry.Anchor(1, uint64(block.timestamp), uint64(block.number), 0));
    }

    function test_SharesTheSequence() public {
        anchor(OTHER_ROOT, 1);
        send(ANCHORER, abi.encode(ROOT));
        vm.assertEq(registry.anchorOf(ROOT).sequence, 2);
        vm.assertEq(registry.anchorCount(), 2);
    }

    function test_LeafCountCannotBeAddedLater() public {
        send(ANCHORER, abi.encode(ROOT));
        vm.expectRevert(abi.encodeWithSelector(IAnchorRegistry.RootAlreadyAnchored.selector, ROOT, 1));
        anchor(ROOT, 5);
    }

    function test_RefusesAnchoredRoot() public {
        anchor(ROOT, 5);
        assertRefused(
            ANCHORER, abi.encode(ROOT), abi.encodeWithSelector(IAnchorRegistry.RootAlreadyAnchored.selector, ROOT, 1)
        );
        vm.assertEq(registry.anchorOf(ROOT).leafCount, 5);
    }

    function test_RefusesZeroRoot() public {
        assertRefused(ANCHORER, new bytes(32), abi.encodeWithSelector(IAnchorRegistry.ZeroRoot.selector));
    }

    function testFuzz_RefusesStrangers(address caller) public {
        vm.assume(caller != ANCHORER);
        assertRefused(
            caller,
            abi.encode(ROOT),
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, caller, role)
        );
    }

    function testFuzz_RefusesEveryOtherLength(bytes memory data) public {
        vm.assume(data.length != 32 && !(data.length >= 4 && isSelector[bytes4(data)]));
        assertRefused(ANCHORER, data, abi.encodeWithSelector(IAnchorRegistry.NotARawRoot.selector, data.length));
    }

    function test_RefusesOneByteMoreOrLess() public {
        for (uint256 length = 31; length <= 33; length += 2) {
            bytes memory data = new bytes(length);
            data[0] = 0x01;
            assertRefused(ANCHORER, data, abi.encodeWithSelector(IAnchorRegistry.NotARawRoot.selector, length));
        }
    }

    function test_RefusesEmptyCalldata() public {
        assertRefused(ANCHORER, "", abi.encodeWithSelector(IAnchorRegistry.NotARawRoot.selector, 0));
    }

    function test_RefusesValue() public {
        vm.deal(ANCHORER, 1 ether);
        vm.prank(ANCHORER, ANCHORER);
        (bool success,) = address(registry).call{value: 1}(abi.encode(ROOT));
        vm.assertFalse(success);
        vm.prank(ANCHORER, ANCHORER);
        (success,) = address(registry).call{value: 1}("");
        vm.assertFalse(success);
        assertNotAnchored(ROOT);
    }

    function test_RefusesAContractWithTheRole() public {
        Forwarder forwarder = new Forwarder();
        vm.prank(ADMIN);
        registry.grantRole(role, address(forwarder));
        vm.prank(ANCHORER, ANCHORER);
        (bool success, bytes memory reason) = forwarder.forward(address(registry), abi.encode(ROOT));
        vm.assertFalse(success);
        vm.assertEq(
            reason, abi.encodeWithSelector(IAnchorRegistry.RawRootNotFromSender.selector, address(forwarder), ANCHORER)
        );
        assertNotAnchored(ROOT);
    }

    /// @dev A root that begins with a selector is a call: whatever it does, it anchors nothing and changes nothing.
    /// {anchor} takes it.
    function testFuzz_RootThatBeginsWithASelectorIsNotAnchored(bytes28 tail) public {
        for (uint256 i = 0; i < selectors.length; ++i) {
            assertOnlyACall(selectors[i], tail);
            assertOnlyACall(selectors[i], bytes28(0));
            assertOnlyACall(selectors[i], ~bytes28(0));
        }
    }

    function assertOnlyACall(bytes4 selector, bytes28 tail) private {
        uint256 state = vm.snapshotState();
        bytes32 root = bytes32(abi.encodePacked(selector, tail));
        vm.record();
        (bool success,) = send(ANCHORER, abi.encode(root));
        (, bytes32[] memory writes) = vm.accesses(address(registry));
        vm.assertTrue(!success || writes.length == 0);
        assertNotAnchored(root);
        vm.assertEq(anchor(root, 1), 1);
        vm.assertTrue(vm.revertToState(state));
    }

    function assertRefused(address caller, bytes memory data, bytes memory expected) private {
        uint64 count = registry.anchorCount();
        (bool success, bytes memory reason) = send(caller, data);
        vm.assertFalse(success);
        vm.assertEq(reason, expected);
        vm.assertEq(registry.anchorCount(), count);
    }
}
