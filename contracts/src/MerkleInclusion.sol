// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// @title Inclusion proofs for SHA-256 Merkle trees in the shape of RFC 9162
/// @dev
///
///     leaf = SHA-256(0x00 ‖ issuerId ‖ salt ‖ digest)      81 bytes hashed
///     node = SHA-256(left ‖ right)                         64 bytes hashed
///
/// WARNING: The shape is that of RFC 9162 (a lone node is promoted, never doubled), the node hash is not: nodes have no
/// prefix. Leaves and nodes are told apart by the length of what is hashed. This holds only where the verifier hashes
/// the leaf itself, so pass {verify} the result of {leafHash}, never a hash taken from a proof.
library MerkleInclusion {
    /// @dev The hash of a leaf.
    function leafHash(bytes32 issuerId, bytes16 salt, bytes32 digest) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0x00), issuerId, salt, digest));
    }

    /// @dev The hash of an inner node.
    function nodeHash(bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(left, right));
    }

    /// @dev Whether `path` leads from `leaf` at `leafIndex` to the `root` of a tree of `treeSize` leaves: the algorithm
    /// of RFC 9162, section 2.1.3.2, with its names. `path` runs from the leaf up and must have exactly the length that
    /// place and size require, so the loop ends after at most 256 rounds however long the path is.
    function verify(bytes32[] calldata path, bytes32 root, bytes32 leaf, uint256 leafIndex, uint256 treeSize)
        internal
        pure
        returns (bool)
    {
        if (leafIndex >= treeSize) return false;
        uint256 fn = leafIndex; // place of `r` on its level
        uint256 sn = treeSize - 1; // place of the last node on that level
        bytes32 r = leaf;
        for (uint256 i = 0; i < path.length; ++i) {
            if (sn == 0) return false; // the path is too long
            if (fn & 1 == 1 || fn == sn) {
                r = nodeHash(path[i], r);
                // A last node without a sibling is promoted to the level where it has one.
                while (fn & 1 == 0 && fn != 0) {
                    fn >>= 1;
                    sn >>= 1;
                }
            } else {
                r = nodeHash(r, path[i]);
            }
            fn >>= 1;
            sn >>= 1;
        }
        return sn == 0 && r == root; // `sn` is not 0 when the path is too short
    }
}
