// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IAnchorRegistry} from "../src/IAnchorRegistry.sol";
import {RegistryTest} from "./RegistryTest.sol";

contract AnchorTest is RegistryTest {
    function testFuzz_RecordsSequenceTimeAndSize(bytes32 root, uint64 leafCount, uint64 time, uint64 number) public {
        vm.assume(root != 0 && leafCount != 0);
        vm.warp(time);
        vm.roll(number);
        vm.assertEq(anchor(root, leafCount), 1);
        assertAnchor(root, IAnchorRegistry.Anchor(1, time, number, leafCount));
    }

    function test_EmitsRootAnchored() public {
        anchor(OTHER_ROOT, 1);
        vm.expectEmit(address(registry));
        emit IAnchorRegistry.RootAnchored(ROOT, 2, 300, ANCHORER);
        anchor(ROOT, 300);
    }

    function testFuzz_RevertsWithoutRole(address caller, bytes32 root, uint64 leafCount) public {
        vm.assume(caller != ANCHORER);
        vm.expectRevert(abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, caller, role));
        vm.prank(caller);
        registry.anchor(root, leafCount);
    }

    function testFuzz_RevertsForAnchoredRoot(uint64 first, uint64 second) public {
        vm.assume(first != 0 && second != 0);
        anchor(OTHER_ROOT, 1);
        anchor(ROOT, first);
        IAnchorRegistry.Anchor memory recorded = registry.anchorOf(ROOT);
        vm.warp(block.timestamp + 1 days);
        vm.expectRevert(abi.encodeWithSelector(IAnchorRegistry.RootAlreadyAnchored.selector, ROOT, 2));
        anchor(ROOT, second);
        assertAnchor(ROOT, recorded);
        vm.assertEq(registry.anchorCount(), 2);
    }

    function test_RevertsForZeroRoot() public {
        vm.expectRevert(IAnchorRegistry.ZeroRoot.selector);
        anchor(bytes32(0), 1);
    }

    function test_RevertsForEmptyTree() public {
        vm.expectRevert(abi.encodeWithSelector(IAnchorRegistry.EmptyTree.selector, ROOT));
        anchor(ROOT, 0);
    }

    function test_RevertsWhenTimeDoesNotFit() public {
        uint256 time = uint256(type(uint64).max) + 1;
        vm.warp(time);
        vm.expectRevert(abi.encodeWithSelector(SafeCast.SafeCastOverflowedUintDowncast.selector, 64, time));
        anchor(ROOT, 1);
    }

    function test_RevertsWhenBlockNumberDoesNotFit() public {
        uint256 number = uint256(type(uint64).max) + 1;
        vm.roll(number);
        vm.expectRevert(abi.encodeWithSelector(SafeCast.SafeCastOverflowedUintDowncast.selector, 64, number));
        anchor(ROOT, 1);
    }

    function test_RevertsWhenSequenceIsUsedUp() public {
        bytes32 slot = bytes32(uint256(5));
        uint256 full = uint256(vm.load(address(registry), slot)) | (type(uint64).max - 1);
        vm.store(address(registry), slot, bytes32(full));
        vm.assertEq(anchor(ROOT, 1), type(uint64).max);
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
        anchor(OTHER_ROOT, 1);
        vm.assertEq(registry.predecessor(), PREDECESSOR);
    }
}

contract AnchorOfTest is RegistryTest {
    function testFuzz_IsZeroForUnknownRoot(bytes32 root) public {
        vm.assume(root != ROOT);
        anchor(ROOT, 1);
        assertNotAnchored(root);
    }

    function test_KeepsRootsApart() public {
        anchor(ROOT, 3);
        vm.warp(block.timestamp + 5);
        vm.roll(block.number + 1);
        anchor(OTHER_ROOT, 4);
        assertAnchor(ROOT, IAnchorRegistry.Anchor(1, 1_800_000_000, 1_000, 3));
        assertAnchor(OTHER_ROOT, IAnchorRegistry.Anchor(2, 1_800_000_005, 1_001, 4));
    }
}

contract AnchorCountTest is RegistryTest {
    function test_StartsAtZero() public view {
        vm.assertEq(registry.anchorCount(), 0);
    }

    function testFuzz_IsTheNewestSequence(uint8 count) public {
        for (uint256 i = 1; i <= count; ++i) {
            vm.assertEq(anchor(bytes32(i), 1), i);
        }
        vm.assertEq(registry.anchorCount(), count);
    }
}
