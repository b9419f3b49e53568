// Our own module, service/web/verify.js, judges vectors and proofs as the tests hand them over.
import * as ours from '../../service/web/verify.js';
import {judge} from './cases.mjs';

const bytes = text => new Uint8Array(Buffer.from(text, 'base64'));
const base64 = content => Buffer.from(content).toString('base64');

async function refusable(work) {
  try {
    return await work();
  } catch (refused) {
    if (!(refused instanceof ours.Refused)) {
      throw refused;
    }
    return {error: {slug: refused.slug, at: refused.at}};
  }
}

const JUDGES = {
  canonical: ({body, mediaType, requested, limits}) => refusable(async () => {
    const form = await ours.canonicalize(bytes(body), mediaType, {requested, limits});
    return {canonicalization: form.canonicalization, canonical: base64(form.data), digest: ours.toHex(form.digest), notes: form.notes};
  }),
  candidates: async ({body, hint}) => (await ours.canonicalCandidates(bytes(body), hint)).map(form => [form.canonicalization, ours.toHex(form.digest)]),
  json: ({body}) => refusable(async () => ({canonical: ours.jcs(ours.parseJson(bytes(body)))})),
  proof: ({value, body}) => refusable(async () => {
    const proof = ours.readProof(body === undefined ? value : bytes(body));
    const fault = await ours.faultOfPath(proof);
    return {
      result: fault === null ? 'passed' : 'failed',
      issuerId: ours.toHex(await ours.issuerId(proof.issuer)),
      leafHash: ours.toHex(await ours.leafHash(proof))
    };
  }),
  list: ({encodedList, indexes, root, issuer, purpose, version}) => refusable(async () => {
    const bits = await ours.decodeBitstring(encodedList);
    const id = await ours.batchListId(bytes(root), issuer, purpose);
    return {set: indexes.filter(index => ours.isSet(bits, index)), id: ours.toHex(id), head: ours.toHex(await ours.headDigest(id, version, bits))};
  }),
  verify: ({credential, proof, options}) => refusable(() => ours.verify(credential === null ? null : bytes(credential), bytes(proof), options))
};

await judge(({judge: name, ...given}) => JUDGES[name](given));
