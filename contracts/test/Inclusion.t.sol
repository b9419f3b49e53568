// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {MerkleInclusion} from "../src/MerkleInclusion.sol";
import {RegistryTest} from "./RegistryTest.sol";

/// @dev The definitions of RFC 9162, sections 2.1.1 and 2.1.3.1, word for word, to test the verification against.
library ReferenceTree {
    /// @dev The root over the `n` leaves from `first`.
    function rootOf(bytes32[] memory leaves, uint256 first, uint256 n) internal pure returns (bytes32) {
        if (n == 1) return leaves[first];
        uint256 k = split(n);
        return MerkleInclusion.nodeHash(rootOf(leaves, first, k), rootOf(leaves, first + k, n - k));
    }

    /// @dev The path of leaf `m` among the `n` leaves from `first`.
    function pathOf(bytes32[] memory leaves, uint256 m, uint256 first, uint256 n)
        internal
        pure
        returns (bytes32[] memory)
    {
        if (n == 1) return new bytes32[](0);
        uint256 k = split(n);
        return m < k
            ? append(pathOf(leaves, m, first, k), rootOf(leaves, first + k, n - k))
            : append(pathOf(leaves, m - k, first + k, n - k), rootOf(leaves, first, k));
    }

    /// @dev The greatest power of two below `n`.
    function split(uint256 n) internal pure returns (uint256 k) {
        k = 1;
        while (2 * k < n) k *= 2;
    }

    function append(bytes32[] memory path, bytes32 last) internal pure returns (bytes32[] memory longer) {
        longer = new bytes32[](path.length + 1);
        for (uint256 i = 0; i < path.length; ++i) {
            longer[i] = path[i];
        }
        longer[path.length] = last;
    }
}

contract LeafHashOfTest is RegistryTest {
    function testFuzz_IsSha256OfThe81Bytes(bytes32 issuerId, bytes16 salt, bytes32 digest) public view {
        bytes memory preimage = abi.encodePacked(hex"00", issuerId, salt, digest);
        vm.assertEq(preimage.length, 81);
        vm.assertEq(registry.leafHashOf(issuerId, salt, digest), sha256(preimage));
    }
}

contract VerifyInclusionTest is RegistryTest {
    /// @dev A case of tests/vectors/inclusion.json; members in the order of `CASE`.
    struct Case {
        string name;
        bool valid;
        bytes32 root;
        uint64 treeSize;
        bytes32 issuerId;
        bytes16 salt;
        bytes32 digest;
        bytes32 leafHash;
        uint256 leafIndex;
        bytes32[] path;
    }

    string private constant CASE = "Case(string name,bool valid,bytes32 root,uint64 treeSize,bytes32 issuerId,"
        "bytes16 salt,bytes32 digest,bytes32 leafHash,uint256 leafIndex,bytes32[] path)";

    uint256 private constant MAX_SIZE = 40;
    bytes32 private constant ISSUER = keccak256("issuer");
    bytes16 private constant SALT = bytes16(keccak256("salt"));

    function test_JudgesVectors() public {
        string memory json = vm.readFile("../tests/vectors/inclusion.json");
        Case[] memory cases = abi.decode(vm.parseJsonTypeArray(json, ".cases", CASE), (Case[]));
        vm.assertTrue(cases.length > 100);
        for (uint256 i = 0; i < cases.length; ++i) {
            Case memory c = cases[i];
            uint256 state = vm.snapshotState();
            if (c.treeSize == 0) send(ANCHORER, abi.encode(c.root));
            else anchor(c.root, c.treeSize);
            bool verdict = registry.verifyInclusion(c.root, c.issuerId, c.salt, c.digest, c.leafIndex, c.path);
            vm.assertEq(verdict, c.valid, c.name);
            vm.assertEq(registry.leafHashOf(c.issuerId, c.salt, c.digest), c.leafHash, c.name);
            vm.assertTrue(vm.revertToState(state));
        }
    }

    function testFuzz_AcceptsEveryLeaf(uint256 size, bytes32 seed) public {
        size = 1 + size % MAX_SIZE;
        (bytes32 root, bytes32[] memory leaves) = anchorTree(size, seed);
        for (uint256 i = 0; i < size; ++i) {
            vm.assertTrue(verify(root, digestAt(seed, i), i, ReferenceTree.pathOf(leaves, i, 0, size)));
        }
    }

    function testFuzz_RejectsEveryOtherIndex(uint256 size, uint256 index, uint256 other, bytes32 seed) public {
        size = 1 + size % MAX_SIZE;
        index %= size;
        vm.assume(other != index);
        (bytes32 root, bytes32[] memory leaves) = anchorTree(size, seed);
        bytes32[] memory path = ReferenceTree.pathOf(leaves, index, 0, size);
        vm.assertFalse(verify(root, digestAt(seed, index), other, path));
        for (uint256 i = 0; i < size; ++i) {
            vm.assertEq(verify(root, digestAt(seed, index), i, path), i == index, "other index of the tree");
        }
    }

    function testFuzz_RejectsPathOfEveryOtherLength(uint256 size, uint256 index, bytes32 seed) public {
        size = 1 + size % MAX_SIZE;
        index %= size;
        (bytes32 root, bytes32[] memory leaves) = anchorTree(size, seed);
        bytes32[] memory path = ReferenceTree.pathOf(leaves, index, 0, size);
        bytes32[] memory longer = ReferenceTree.append(path, root);
        vm.assertFalse(verify(root, digestAt(seed, index), index, longer));
        for (uint256 length = 0; length < path.length; ++length) {
            vm.assertFalse(verify(root, digestAt(seed, index), index, slice(path, 0, length)));
            vm.assertFalse(verify(root, digestAt(seed, index), index, slice(path, path.length - length, length)));
        }
    }

    /// @dev Even if its hashes lead to the root: here as those of a tree of two leaves that was anchored as one of one.
    function test_RejectsPathLongerThanTheTreeIsHigh() public {
        bytes32[] memory path = new bytes32[](1);
        path[0] = OTHER_ROOT;
        bytes32 root = MerkleInclusion.nodeHash(path[0], MerkleInclusion.leafHash(ISSUER, SALT, DIGEST));
        anchor(root, 1);
        vm.assertFalse(verify(root, DIGEST, 0, path));
    }

    /// @dev With the first step stripped, a hash of the tree must not pass for a digest.
    function testFuzz_RejectsHashOfTheTreeAsDigest(uint256 size, uint256 index, bytes32 seed) public {
        size = 1 + size % MAX_SIZE;
        index %= size;
        (bytes32 root, bytes32[] memory leaves) = anchorTree(size, seed);
        bytes32[] memory path = ReferenceTree.pathOf(leaves, index, 0, size);
        vm.assertFalse(verify(root, leaves[index], index, path));
        for (uint256 length = 0; length <= path.length; ++length) {
            bytes32[] memory rest = slice(path, path.length - length, length);
            vm.assertFalse(verify(root, root, index >> (path.length - length), rest));
            if (length > 0) vm.assertFalse(verify(root, path[path.length - length], index, rest));
        }
    }

    function testFuzz_IsFalseForUnknownRoot(bytes32 root, bytes32 digest, uint256 index, bytes32[] memory path)
        public
        view
    {
        vm.assertFalse(verify(root, digest, index, path));
    }

    function test_IsFalseWhenLeafCountIsNotStated() public {
        bytes32 root = registry.leafHashOf(ISSUER, SALT, DIGEST);
        (bool success,) = send(ANCHORER, abi.encode(root));
        vm.assertTrue(success);
        vm.assertFalse(verify(root, DIGEST, 0, new bytes32[](0)));
    }

    function test_StopsEarlyOnAnEndlessPath() public {
        anchor(ROOT, type(uint64).max);
        bytes32[] memory path = new bytes32[](5_000);
        uint256 before = gasleft();
        vm.assertFalse(verify(ROOT, DIGEST, 0, path));
        vm.assertTrue(before - gasleft() < 1_000_000, "more than copying the path and 64 rounds");
    }

    function verify(bytes32 root, bytes32 digest, uint256 index, bytes32[] memory path) private view returns (bool) {
        return registry.verifyInclusion(root, ISSUER, SALT, digest, index, path);
    }

    function anchorTree(uint256 size, bytes32 seed) private returns (bytes32 root, bytes32[] memory leaves) {
        leaves = new bytes32[](size);
        for (uint256 i = 0; i < size; ++i) {
            leaves[i] = MerkleInclusion.leafHash(ISSUER, SALT, digestAt(seed, i));
        }
        root = ReferenceTree.rootOf(leaves, 0, size);
        anchor(root, uint64(size));
    }

    function digestAt(bytes32 seed, uint256 i) private pure returns (bytes32) {
        return keccak256(abi.encode(seed, i));
    }

    function slice(bytes32[] memory path, uint256 first, uint256 length) private pure returns (bytes32[] memory part) {
        part = new bytes32[](length);
        for (uint256 i = 0; i < length; ++i) {
            part[i] = path[first + i];
        }
    }
}
