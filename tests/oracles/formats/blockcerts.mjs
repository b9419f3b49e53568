// Certificate.verify of @blockcerts/cert-verifier-js in its whole flow. Without network: what it asks Etherscan is asked of a
// development ledger, and the issuer's profile is at hand. Each case: {credential, profile, rpc}.
import {readFileSync} from 'node:fs';
import {Certificate} from '@blockcerts/cert-verifier-js/dist/verifier-node/index.js';

console.error = console.warn = console.info = console.log = () => {};

const {cases} = JSON.parse(readFileSync(0, 'utf8'));
const ETHERSCAN = new Set(['eth_getTransactionByHash', 'eth_getBlockByNumber', 'eth_blockNumber']);
const fetchNode = globalThis.fetch;

function answering({profile, rpc}) {
  return async url => {
    const asked = new URL(url);
    if (asked.href === profile.id) {
      return new Response(JSON.stringify(profile));
    }
    const method = asked.searchParams.get('action');
    if (asked.hostname !== 'api.etherscan.io' || !ETHERSCAN.has(method)) {
      throw new Error(`no network: ${url}`);
    }
    const [one, ...more] = [asked.searchParams.get('txhash') ?? asked.searchParams.get('tag'), asked.searchParams.get('boolean')];
    const params = one === null ? [] : [one.startsWith('0x') ? one : `0x${one}`, ...more.filter(each => each !== null).map(Boolean)];
    const body = JSON.stringify({jsonrpc: '2.0', id: 1, method, params});
    return fetchNode(rpc, {method: 'POST', headers: {'Content-Type': 'application/json'}, body});
  };
}

const verdicts = [];
for (const one of cases) {
  globalThis.fetch = answering(one);
  const steps = [];
  try {
    const certificate = new Certificate(one.credential, {locale: 'en-US'});
    await certificate.init();
    const {status, message} = await certificate.verify(({code, status, errorMessage}) => steps.push({code, status, errorMessage}));
    const failed = steps.filter(step => step.status === 'failure');
    verdicts.push({
      status,
      passed: steps.filter(step => step.status === 'success').map(step => step.code),
      failed: failed.map(step => step.code),
      message: failed.length ? failed[0].errorMessage : message?.description ?? message,
      signer: certificate.signers[0]?.issuerPublicKey,
    });
  } catch (error) {
    verdicts.push({status: 'error', passed: [], failed: [], message: String(error?.message ?? error)});
  }
}
process.stdout.write(JSON.stringify(verdicts));
