/** What the page asks: the service learns digests and issuers, nodes and registries what leads to the anchor, and nobody anything else. */
import {accreditationClaim, checkAccreditation} from './accreditation.js';
import {toHex, verify} from './verify.js';

/** One look ends within this time, so that a verdict stands there in ten seconds whoever hangs; a second look may take longer. Milliseconds. */
const PATIENCE_MS = 9_000;
export const LONGER_MS = 30_000;
const ANSWERS = [200, 202, 300, 400, 404]; // anything else is not about what was asked, as of a proxy
const NAME_MS = 300, STATUSES = ['clear', 'revoked', 'suspended'];

/** {proof, all}: signals that end the search for the proof, and every question of one look, so that those that hang do not add up. */
export function patience(ms = PATIENCE_MS) {
  return {proof: AbortSignal.timeout(ms / 2), all: AbortSignal.timeout(ms)};
}

/** {status, body, retryAfterS}, or null where the service does not answer in time or cannot do its work. */
export async function ask(path, signal) {
  try {
    const response = await fetch(path, {signal, headers: {Accept: 'application/json'}});
    if (!ANSWERS.includes(response.status)) {
      return null;
    }
    return {status: response.status, body: await response.json(), retryAfterS: Number(response.headers.get('retry-after') ?? 60)};
  } catch {
    return null;
  }
}

const query = issuer => issuer ? `?issuer=${encodeURIComponent(issuer)}` : '';

/** What the service has for the first of these digests that it knows: its answer and `digest`; null when it does not answer. */
async function findProof(digests, issuer, signal) {
  for (const digest of digests) {
    const found = await ask(`/v1/proofs/${digest}${query(issuer)}`, signal);
    if (found === null || found.status !== 404) {
      return found && {...found, digest};
    }
  }
  return {status: 404};
}

/**
 * {found, isOther}: what the service has, and whether that is of another file than the link names. `forms`: of the file, none without one.
 * `issuer`: whom the reader chose, or null. `expected`: digest and issuer of the link, or null; its issuer counts without a file alone.
 */
export async function find(forms, issuer, expected, signal) {
  const digests = forms.map(form => toHex(form.digest)), isOfLink = digests.includes(expected?.digest);
  const ofLink = () => findProof([expected.digest], issuer ?? expected.issuer, signal);
  if (!digests.length) {
    return {found: await ofLink(), isOther: false};
  }
  const own = await findProof(isOfLink ? [expected.digest] : digests, issuer, signal);
  if (expected && own?.status >= 400) {
    return {found: await ofLink(), isOther: false}; // then it is compared with what the link promised
  }
  return {found: own, isOther: expected !== null && own !== null && !isOfLink};
}

/**
 * {status, since, lists, isKnown, isSilent}: as the service says it, which is before the ledger shows it. `lists`: those that this follows
 * from; `isSilent` where it says nothing.
 */
export async function statusOf(digest, issuer, signal) {
  const found = await ask(`/v1/status/${digest}${query(issuer)}`, signal), isKnown = found?.status === 200;
  const status = isKnown && STATUSES.includes(found.body?.status) ? found.body.status : null;
  const lists = status && Array.isArray(found.body.lists) ? found.body.lists : [];
  return {status, since: (status && found.body.since) ?? null, lists, isKnown, isSilent: !isKnown && found?.status !== 404};
}

/**
 * {names, late}: the operator's names by issuer, null where there is none, and a promise where some are still to come. They are
 * decoration: nothing waits for them longer than a moment.
 */
export async function namesOf(issuers, signal) {
  const names = new Map(), all = Promise.all(issuers.map(async did => {
    const found = await ask(`/v1/issuers/${encodeURIComponent(did)}`, signal);
    if (found !== null) {
      names.set(did, found.status === 200 ? found.body?.name ?? null : null);
    }
  }));
  const isEarly = await Promise.race([all.then(() => true), new Promise(resolve => setTimeout(resolve, NAME_MS, false))]);
  return {names, late: isEarly ? null : all};
}

/** Whether the reader of PDFs is here. It is loaded with the page, so that a PDF with its proof is checked without the service. */
export function isPdfReaderHere(signal) {
  const late = new Promise(resolve => signal.aborted ? resolve(false) : signal.addEventListener('abort', () => resolve(false)));
  return Promise.race([import('./pdf.js').then(() => true, () => false), late]);
}

/**
 * {report, word, names, late}: the report of verify() with the accreditation in it, the word of the service as `verdictOf` takes it, and names.
 *
 * `proof`: as it was given; `read`: of readProof. `isKnown`: whether the service gave it. `trusted`: {registry, finality}, the contract to be
 * read. `asked`: {node, registry}, URLs or null. All are asked at the same time.
 */
export async function judged(credential, proof, read, {isKnown, trusted, asked, signal}) {
  const {issuer, anchor} = read, fetch = fetchUntil(signal);
  const [report, named, told, accreditation] = await Promise.all([
    verify(credential, proof, {registry: trusted.registry, finality: trusted.finality, rpcUrl: asked.node, service: location.origin, allowPrivate: true, fetch}),
    namesOf([issuer], signal),
    statusOf(toHex(read.digest), issuer, signal),
    checkAccreditation(credential && accreditationClaim(credential), asked.registry, {anchoredAt: anchor.anchoredAt, fetch})
  ]);
  report.checks = report.checks.map(one => one.check === accreditation.check ? accreditation : one);
  return {report, word: {holds: isKnown && anchor.state === 'final', ...told}, ...named};
}

/** Of others, until the look ends. Credentials never go along, nor does the address of this page. */
function fetchUntil(signal) {
  return (url, options) => fetch(url, {...options, signal, credentials: 'omit', referrerPolicy: 'no-referrer'});
}
