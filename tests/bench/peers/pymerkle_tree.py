"""`pymerkle_tree.py LEAVES PROOFS`: seconds of pymerkle, as JSON. It is GPL, and runs in an environment of its own."""

import hashlib
import json
import sys
import time

from pymerkle import InmemoryTree, verify_inclusion

leaf_count, proof_count = map(int, sys.argv[1:])
leaves = [hashlib.sha256(b"leaf %d" % i).digest() for i in range(leaf_count)]
picked = [1 + i * leaf_count // proof_count for i in range(proof_count)]

started = time.perf_counter()
tree = InmemoryTree.init_from_entries(leaves, algorithm="sha256")
root = tree.get_root()
build_s = time.perf_counter() - started
started = time.perf_counter()
proofs = [tree.prove_inclusion(i) for i in picked]
prove_s = time.perf_counter() - started
bases = [tree.get_leaf(i) for i in picked]
started = time.perf_counter()
for base, proof in zip(bases, proofs, strict=True):
    verify_inclusion(base, root, proof)
verify_s = time.perf_counter() - started
hashes = len(proofs[0].path) - 1  # it counts the leaf itself
print(json.dumps({"build_s": build_s, "prove_s": prove_s, "verify_s": verify_s, "path_hashes": hashes}))
