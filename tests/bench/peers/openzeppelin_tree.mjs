// node openzeppelin_tree.mjs LEAVES PROOFS: seconds of @openzeppelin/merkle-tree, as JSON.
import { createHash } from "node:crypto";
import { SimpleMerkleTree } from "@openzeppelin/merkle-tree";

const [leafCount, proofCount] = process.argv.slice(2).map(Number);
const leaves = Array.from({ length: leafCount }, (_, i) => "0x" + createHash("sha256").update(`leaf ${i}`).digest("hex"));
const picked = Array.from({ length: proofCount }, (_, i) => Math.floor((i * leafCount) / proofCount));

function timed(work) {
  const started = performance.now();
  const result = work();
  return [(performance.now() - started) / 1000, result];
}

const [build_s, tree] = timed(() => SimpleMerkleTree.of(leaves, { sortLeaves: true }));
const [prove_s, proofs] = timed(() => picked.map((i) => tree.getProof(i)));
const [verify_s, verified] = timed(() => picked.every((i, n) => SimpleMerkleTree.verify(tree.root, leaves[i], proofs[n])));
if (!verified) throw new Error("a proof does not verify");
console.log(JSON.stringify({ build_s, prove_s, verify_s, path_hashes: proofs[0].length }));
