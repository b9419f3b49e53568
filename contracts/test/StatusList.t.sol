// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IAnchorRegistry} from "../src/IAnchorRegistry.sol";
import {RegistryTest} from "./RegistryTest.sol";

contract PublishStatusListTest is RegistryTest {
    function testFuzz_RecordsVersionTimeAndDigest(bytes32 listId, bytes32 digest, uint64 time) public {
        vm.warp(time);
        publish(listId, 1, digest);
        assertStatusList(listId, IAnchorRegistry.StatusList(1, time, digest));
    }

    function test_ReplacesHead() public {
        publish(LIST, 1, DIGEST);
        vm.warp(block.timestamp + 1 days);
        publish(LIST, 2, ~DIGEST);
        assertStatusList(LIST, IAnchorRegistry.StatusList(2, uint64(block.timestamp), ~DIGEST));
    }

    function test_EmitsStatusListPublished() public {
        publish(LIST, 1, ~DIGEST);
        vm.expectEmit(address(registry));
        emit IAnchorRegistry.StatusListPublished(LIST, 2, DIGEST);
        publish(LIST, 2, DIGEST);
    }

    function testFuzz_RevertsWithoutRole(address caller, bytes32 listId, uint64 version, bytes32 digest) public {
        vm.assume(caller != ANCHORER);
        vm.expectRevert(abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, caller, role));
        vm.prank(caller);
        registry.publishStatusList(listId, version, digest);
    }

    function testFuzz_RevertsUnlessVersionIsNext(uint8 published, uint64 offered) public {
        vm.assume(offered != uint64(published) + 1);
        for (uint64 version = 1; version <= published; ++version) {
            publish(LIST, version, DIGEST);
        }
        vm.expectRevert(abi.encodeWithSelector(IAnchorRegistry.StaleStatusVersion.selector, LIST, published, offered));
        publish(LIST, offered, DIGEST);
    }

    function test_RevertsForJumpToLastVersion() public {
        publish(LIST, 1, DIGEST);
        vm.expectRevert(abi.encodeWithSelector(IAnchorRegistry.StaleStatusVersion.selector, LIST, 1, type(uint64).max));
        publish(LIST, type(uint64).max, DIGEST);
    }

    function test_RevertsWhenVersionsAreUsedUp() public {
        bytes32 slot = keccak256(abi.encode(LIST, 4));
        vm.store(address(registry), slot, bytes32(uint256(type(uint64).max)));
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
        publish(LIST, 0, DIGEST);
    }

    function test_RevertsWhenTimeDoesNotFit() public {
        uint256 time = uint256(type(uint64).max) + 1;
        vm.warp(time);
        vm.expectRevert(abi.encodeWithSelector(SafeCast.SafeCastOverflowedUintDowncast.selector, 64, time));
        publish(LIST, 1, DIGEST);
    }
}

contract StatusListOfTest is RegistryTest {
    function testFuzz_IsZeroForUnknownList(bytes32 listId) public {
        vm.assume(listId != LIST);
        publish(LIST, 1, DIGEST);
        assertStatusList(listId, IAnchorRegistry.StatusList(0, 0, 0));
    }
}
