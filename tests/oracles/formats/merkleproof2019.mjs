// A proof: what the decoder of Blockcerts makes of it, and whether the suite's receipt check accepts it.
import {Decoder} from '@blockcerts/lds-merkle-proof-2019';
import {LDMerkleProof2019} from 'jsonld-signatures-merkleproof2019';
import {judge} from '../cases.mjs';

await judge(async proof => {
  const suite = new LDMerkleProof2019({document: {proof}});
  await suite.getTransactionId();
  await suite.checkReceipt();
  return {accepted: true, decoded: new Decoder(proof.proofValue).decode(), chain: suite.getChain().code, transaction: suite.transactionId};
});
