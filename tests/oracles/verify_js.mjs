// Our own module, service/web/verify.js, judges vectors and proofs as the tests hand them over.
import {accreditationClaim, checkAccreditation} from '../../service/web/accreditation.js';
import * as ours from '../../service/web/verify.js';
import {readFileSync} from 'node:fs';
import {mock} from 'node:test';
import {judge} from './cases.mjs';

const ARTIFACT = JSON.parse(readFileSync(new URL('../../anchoring/ledger/artifacts/AnchorRegistry.json', import.meta.url)));
const NODE = 'http://node.example/';

const bytes = text => new Uint8Array(Buffer.from(text, 'base64'));
const base64 = content => Buffer.from(content).toString('base64');

/** Maps as JSON writes objects. */
const plain = value => value instanceof Map ? Object.fromEntries([...value].map(([name, one]) => [name, plain(one)])) : value;

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

const word = value => BigInt(value).toString(16).padStart(64, '0');

/** What a node would answer that has these heads and this anchor. */
function answerOf({isUp, block, anchor, heads, logs = null, results = {}, code = ARTIFACT.deployedBytecode}, {method, params}) {
  if (!isUp) {
    throw new TypeError('the node is down');
  }
  if (Object.hasOwn(results, method)) {
    return results[method];
  }
  const [number, hash, timestamp] = block, hex = value => `0x${value.toString(16)}`;
  switch (method) {
    case 'eth_chainId': return hex(31337);
    case 'eth_getCode': return code;
    case 'eth_getBlockByNumber': return {number: hex(number), hash, timestamp: hex(timestamp)};
    case 'eth_getLogs': {
      const topics = [...params[0].topics, `0x${word(anchor[0])}`, `0x${word(0xa7)}`];
      const log = {address: params[0].address, topics, data: `0x${word(anchor[3])}`, transactionHash: anchor[4], blockNumber: hex(anchor[2]), blockHash: hash};
      return logs ?? [log];
    }
    case 'eth_call': {
      const key = `0x${params[0].data.slice(10)}`, isAnchor = params[0].data.startsWith('0xcf4ff901');
      const words = isAnchor ? anchor?.slice(0, 4) ?? [0, 0, 0, 0] : heads[key] ?? [0, 0, 0];
      return `0x${words.map(word).join('')}`;
    }
    default: throw new Error(method);
  }
}

function fetchFrom({node, web, pastCaches = {}}) {
  return async (url, request) => {
    if (url === NODE) {
      const asked = JSON.parse(request.body), answer = {jsonrpc: '2.0', id: asked.id, result: answerOf(node, asked), ...node.answer};
      return Response.json(answer, {status: node.status ?? 200});
    }
    const found = request.cache === 'reload' && Object.hasOwn(pastCaches, url) ? pastCaches[url] : web[url];
    if (found === undefined) {
      throw new TypeError('nothing is there');
    }
    const [mediaType, body, status = 200] = found;
    return new Response(bytes(body), {status, headers: mediaType ? {'Content-Type': mediaType} : {}});
  };
}

/** Why there is nothing to judge by when a host sends the beginning of an answer and then nothing, as the clock goes on. */
async function reasonOfDrip({credential, proof, options, what}) {
  const dripping = () => new Response(new ReadableStream({start: stream => stream.enqueue(bytes('IA=='))}));
  mock.timers.enable({apis: ['setTimeout']});
  try {
    const did = 'did:web:keys.example', token = `${btoa(JSON.stringify({alg: 'ES256', kid: `${did}#a`}))}.${btoa(JSON.stringify({iss: did}))}.AAAA`;
    const given = what === 'node' ? {...options, rpcUrl: NODE} : {fetchKeys: true};
    const content = what === 'node' ? bytes(credential) : token.replaceAll('=', '');
    let isJudged = false;
    const waiting = ours.verify(content, bytes(proof), {...given, fetch: async () => dripping()}).finally(() => { isJudged = true; });
    while (!isJudged) { // by turns of the loop, as hashing takes as many of them as it likes before anything is fetched
      await new Promise(resolve => setImmediate(resolve));
      mock.timers.tick(1_000);
    }
    const check = what === 'node' ? 'root' : 'credential-signature';
    return (await waiting).checks.find(one => one.check === check).reason;
  } finally {
    mock.timers.reset();
  }
}

const JUDGES = {
  drip: reasonOfDrip,
  status: ({credential, proof, options, copies, node, web, pastCaches}) => refusable(() => ours.verify(credential && bytes(credential), bytes(proof), {
    ...options, rpcUrl: NODE, statusLists: copies.map(bytes), fetch: fetchFrom({node, web, pastCaches})
  })),
  accreditation: ({credential, registry, anchoredAt, web}) =>
    checkAccreditation(accreditationClaim(bytes(credential)), registry, {anchoredAt, fetch: fetchFrom({node: null, web})}),
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
  offline: ({credential = null, proof, options}) => refusable(() => ours.verifyOffline(credential && bytes(credential), proof, options)),
  signature: async ({credential, proof, key, documents, now}) => {
    const fetch = async url => {
      if (!Object.hasOwn(documents ?? {}, url)) {
        throw new TypeError('nothing is there');
      }
      return Response.json(documents[url]);
    };
    const {checks} = await ours.verify(new TextEncoder().encode(credential), proof, {key, fetchKeys: documents !== null, now, fetch});
    return checks.find(one => one.check === 'credential-signature');
  },
  validity: async ({credential, proof, now}) => (await ours.verify(credential, proof, {now})).validity,
  digest: async ({credential, proof}) => (await ours.verify(credential, proof)).checks[0],
  inside: ({credential, key = null, proof}) => refusable(async () => {
    const {checks} = await ours.verify(credential, proof, {key});
    return Object.fromEntries(checks.map(({check, outcome}) => [check, outcome]));
  }),
  pdf: async ({body, proof}) => {
    const {checks} = await ours.verify(bytes(body), proof);
    return {inside: plain(await ours.embeddedProof(bytes(body))), digest: checks[0], status: checks.at(-1).reason};
  },
  verify: ({credential, proof, options}) => refusable(() => ours.verify(credential === null ? null : bytes(credential), bytes(proof), options))
};

await judge(({judge: name, ...given}) => JUDGES[name](given));
