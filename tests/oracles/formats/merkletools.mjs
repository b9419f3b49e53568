// A proof of format merkletools, by the npm package.
import MerkleTools from 'merkle-tools';
import {judge} from '../cases.mjs';

await judge(async ({proof, targetHash, merkleRoot}) => ({
  accepted: new MerkleTools().validateProof(proof, targetHash, merkleRoot)
}));
