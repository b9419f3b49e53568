// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {RegistryTest} from "./RegistryTest.sol";

/// @dev Where things lie in storage. Storage proofs are read by this layout, so it is as public as the interface.
contract StorageLayoutTest is RegistryTest {
    function testFuzz_AnchorIsOneWordUnderSlot3(bytes32 root, uint64 leafCount, uint64 time, uint64 number) public {
        vm.assume(root != 0 && root != ROOT && leafCount != 0);
        anchor(ROOT, 1);
        vm.warp(time);
        vm.roll(number);
        anchor(root, leafCount);
        uint256 word = uint256(vm.load(address(registry), keccak256(abi.encode(root, 3))));
        vm.assertEq(word, (uint256(leafCount) << 192) | (uint256(number) << 128) | (uint256(time) << 64) | 2);
    }

    function testFuzz_StatusListIsTwoWordsUnderSlot4(bytes32 listId, bytes32 digest, uint64 time) public {
        publish(listId, 1, ~digest);
        vm.warp(time);
        publish(listId, 2, digest);
        uint256 slot = uint256(keccak256(abi.encode(listId, 4)));
        vm.assertEq(uint256(vm.load(address(registry), bytes32(slot))), (uint256(time) << 64) | 2);
        vm.assertEq(vm.load(address(registry), bytes32(slot + 1)), digest);
    }

    function test_AnchorCountAndPredecessorShareSlot5() public {
        anchor(ROOT, 1);
        uint256 word = uint256(vm.load(address(registry), bytes32(uint256(5))));
        vm.assertEq(word, (uint256(uint160(PREDECESSOR)) << 64) | 1);
    }

    function testFuzz_AnchorWritesItsWordAndTheCountOnly(bytes32 root, uint64 leafCount) public {
        vm.assume(root != 0 && leafCount != 0);
        vm.record();
        anchor(root, leafCount);
        (, bytes32[] memory writes) = vm.accesses(address(registry));
        vm.assertEq(writes.length, 2);
        vm.assertEq(writes[0], bytes32(uint256(5)));
        vm.assertEq(writes[1], keccak256(abi.encode(root, 3)));
    }
}
