/** What the page asks: the service learns digests and issuers, nodes and registries what leads to the anchor, and nobody anything else. */
import {accreditationClaim, checkAccreditation} from './accreditation.js';
import {outcomesOf, whose} from './judgement.js';
import {bounded, claimedIssuer, FAILED, faultOfPath, isDid, isProofOf, momentOf, proofsInside, readProof, Refused, toHex, verify} from './verify.js';

/** One look ends within this time, so that a verdict stands there in ten seconds whoever hangs; a second look may take longer. Milliseconds. */
const PATIENCE_MS = 9_000;
export const LONGER_MS = 30_000;
const ANSWERS = [200, 202, 300, 404]; // anything else is not about what was asked, as of a proxy
const MAX_BYTES = 2 ** 20, WAIT_S = 60;
const MOST_ISSUERS = 100, MOST_INSIDE = 100, MOST_JUDGED = 3;
const NAME_MS = 300, STATUSES = ['clear', 'revoked', 'suspended'];

/** {proof, all}: signals that end the search for the proof, and every question of one look, so that those that hang do not add up. */
export function patience(ms = PATIENCE_MS) {
  return {proof: AbortSignal.timeout(ms / 2), all: AbortSignal.timeout(ms)};
}

/**
 * {status, body, retryAfterS, aheadS}, or null where the service does not answer in time or cannot do its work. `aheadS`: how far the clock of
 * this device is before that of the service, by its answer's `Date`; 0 without one.
 */
export async function ask(path, signal) {
  try {
    const response = await fetch(path, {signal, headers: {Accept: 'application/json'}});
    if (!ANSWERS.includes(response.status)) {
      return null;
    }
    const body = JSON.parse(new TextDecoder().decode(await bounded(response, MAX_BYTES))), wait = response.headers.get('retry-after') ?? '';
    const aheadS = (Date.now() - Date.parse(response.headers.get('date') ?? '')) / 1000 || 0;
    return {status: response.status, body, retryAfterS: /^[0-9]{1,6}$/.test(wait) ? Number(wait) : WAIT_S, aheadS};
  } catch {
    return null;
  }
}

const query = issuer => issuer ? `?issuer=${encodeURIComponent(issuer)}` : '';
const isName = text => typeof text === 'string' && text.trim() !== '';
const isTime = text => typeof text === 'string' && momentOf(text) !== null;

/**
 * What the service has for a digest: {digest, issuers, proof, waiting}, or null where it says nothing. `issuers`: who posted it. `proof`,
 * `waiting`: where that was one. `isUnfit`: where the answer is none to this question, as of another digest or issuer, or with a wrong path.
 */
async function answerOf(digest, issuer, signal) {
  const found = await ask(`/v1/proofs/${digest}${query(issuer)}`, signal), none = {digest, issuers: [], proof: null, waiting: null};
  if (found === null || found.status === 404) {
    return found && none;
  }
  const {status, body} = found, isAsked = one => one?.digest === digest && isDid(one.issuer) && (issuer === null || one.issuer === issuer);
  const proof = status === 200 ? candidate(body) : null;
  if (isAsked(proof) && await faultOfPath(proof.read) === null) {
    return {...none, issuers: [proof.issuer], proof: {...proof, isKnown: true}};
  }
  if (status === 202 && isAsked(body) && isTime(body.receivedAt)) {
    return {...none, issuers: [body.issuer], waiting: {...found, digest}};
  }
  const listed = status === 300 && issuer === null && Array.isArray(body?.issuers) ? body.issuers.filter(isDid) : [];
  const several = [...new Set(listed)].slice(0, MOST_ISSUERS);
  return several.length ? {...none, issuers: several} : {...none, isUnfit: true};
}

/** Something given as a proof: {proof, read, issuer, digest}, or {proof, fault} where it cannot be read as one. */
function candidate(proof) {
  try {
    const read = readProof(proof);
    return {proof, read, issuer: read.issuer, digest: toHex(read.digest)};
  } catch (refused) {
    if (refused instanceof Refused) {
      return {proof, fault: refused.message};
    }
    throw refused;
  }
}

/** What the service has for each form of a file, or for what the link names: of answerOf. `issuer`: whom the reader chose, or null. */
export function lookUp(forms, issuer, expected, signal) {
  const asked = forms.length ? forms.map(form => [toHex(form.digest), issuer]) : [[expected.digest, issuer ?? expected.issuer]];
  return Promise.all(asked.map(([digest, whom]) => answerOf(digest, whom, signal)));
}

/**
 * What there is in support of a file, or of what a link names:
 * {candidates, waiting, choose, others, digests, isOther, isSilent, isUnfit}.
 *
 * Anybody may anchor another's file, in any form of it, and a service may answer anything. So what is of the issuer who counts (`whose`) is
 * gathered from the service, from files of proof and from inside, as far as it is of this file and leads to a root in the contract that counts.
 * An answer of the service that is none to the question is dropped. A proof that was given along and does not fit stays where there is nothing
 * else, so that it is said; and one of whom the file names in another contract, whoever anchored it in this one.
 *
 * `candidates`: proofs, the best first. `waiting`: of the same issuer, where it has no proof yet. `choose`: issuers, where the reader has
 * to. `others`: who anchored it as well. `digests`: of every form that this issuer posted. `isOther`: whether it is of another file than
 * the link names. `isSilent`, `isUnfit`: the service said nothing, or something else.
 *
 * `given`: {bytes, proofs, issuer, others}. `answers`: of lookUp. `expected`: digest and issuer of the link, or null. `contracts`: the one
 * that counts, and the service's own; null where it is not known.
 */
export async function supportFor(given, forms, answers, {expected, contracts, signal}) {
  const [registry] = contracts, along = given.bytes === null ? [] : await givenAlong(given, forms, registry);
  const fitting = along.filter(one => one.isFit && (!given.issuer || one.issuer === given.issuer));
  const isOfOthers = expected !== null && forms.length > 0 && !forms.some(form => toHex(form.digest) === expected.digest);
  const isNone = isOfOthers && !fitting.length && answers.every(one => one !== null && !one.issuers.length);
  const toLink = isNone ? await lookUp([], given.issuer ?? null, expected, signal) : answers; // then it is compared with what the link promised
  const isUnfit = one => one?.proof && !contracts.some(each => isIn(each, one.proof));
  const known = toLink.map(one => isUnfit(one) ? {...one, issuers: [], proof: null, isUnfit: true} : one);
  const all = [...new Set([...known, ...fitting.map(one => ({issuers: [one.issuer]}))].flatMap(one => one?.issuers ?? []))];
  const isAsked = given.bytes !== null && all.length > 0 && all.length + along.length > 1, named = isAsked ? claimedIssuer(given.bytes).claimed : null;
  const elsewhere = all.includes(named) ? [] : along.filter(one => one.isOfFile && one.issuer === named).slice(0, 1);
  const issuer = elsewhere.length ? named : whose(all, [given.issuer, named, expected?.issuer]);
  const isSeveral = one => one !== null && !one.proof && !one.waiting && one.issuers.includes(issuer);
  const ofOne = await Promise.all(known.map(one => isSeveral(one) ? answerOf(one.digest, issuer, signal) : one));
  const own = ofOne.filter(one => one?.issuers.includes(issuer)), shown = own.map(one => one.proof).filter(Boolean);
  const best = [...shown.filter(one => isIn(registry, one)), ...fitting.filter(one => one.issuer === issuer), ...shown];
  const waits = new Set(known.filter(one => one?.waiting).flatMap(one => one.issuers));
  return {
    candidates: distinct(elsewhere.length ? elsewhere : all.length ? best : along.slice(0, 1)),
    waiting: own.find(one => one.waiting)?.waiting ?? null,
    choose: issuer === null && all.length ? all : null,
    others: given.others ?? all.filter(one => one !== issuer && !waits.has(one)),
    digests: own.map(one => one.digest),
    isOther: isOfOthers && !isNone && all.length > 0,
    isSilent: ofOne.includes(null),
    isUnfit: ofOne.some(one => one?.isUnfit)
  };
}

/** Whether a proof names this contract; null is any. */
const isIn = (registry, {read: {anchor}}) => registry === null || `${anchor.ledger}:${anchor.contract}` === registry.toLowerCase();

/**
 * What came along with a file, or stands inside it: of `candidate`, with `isOfFile`, and `isFit`: whether it is of this contract, too. Those
 * that say that they are of the file come first.
 */
async function givenAlong({bytes, proofs}, forms, registry) {
  const inside = await proofsInside(bytes), digests = forms.map(form => toHex(form.digest)), isSaid = one => digests.includes(one.digest);
  const all = [...proofs, ...inside.slice(0, MOST_INSIDE)].map(candidate).sort((one, other) => isSaid(other) - isSaid(one));
  return Promise.all(all.map(async one => {
    const isOfFile = Boolean(one.read) && await isProofOf(one.read, bytes, forms);
    return {...one, isKnown: false, isOfFile, isFit: isOfFile && isIn(registry, one)};
  }));
}

/** The same proof once, whoever gave it. */
function distinct(candidates) {
  const inText = (_, value) => value instanceof Uint8Array ? toHex(value) : value;
  const texts = candidates.map(one => JSON.stringify(one.read ?? null, inText));
  return candidates.filter((_, i) => texts.indexOf(texts[i]) === i);
}

/**
 * {status, since, lists, isKnown, isSilent}: as the service says it, which is before the ledger shows it. `lists`: those that this follows
 * from; `isSilent` where it says nothing.
 */
export async function statusOf(digest, issuer, signal) {
  const found = await ask(`/v1/status/${digest}${query(issuer)}`, signal), isKnown = found?.status === 200;
  const status = isKnown && STATUSES.includes(found.body?.status) ? found.body.status : null;
  const lists = status && Array.isArray(found.body.lists) ? found.body.lists : [];
  const since = status && isTime(found.body.since) ? found.body.since : null;
  return {status, since, lists, isKnown, isSilent: !isKnown && found?.status !== 404};
}

/** The same of a digest, and what is worst of the others: the file is taken back in whatever form its issuer took it back. */
export async function statusOfAll([digest, ...others], issuer, signal) {
  const [told, ...rest] = await Promise.all([digest, ...others].map(one => statusOf(one, issuer, signal)));
  const bad = ['revoked', 'suspended'].flatMap(status => [told, ...rest].filter(one => one.status === status))[0];
  return bad ? {...told, status: bad.status, since: bad.since} : told;
}

/**
 * {names, late}: the operator's names by issuer, null where there is none, and a promise where some are still to come. They are
 * decoration: nothing waits for them longer than a moment.
 */
export async function namesOf(issuers, signal) {
  const names = new Map(), all = Promise.all(issuers.map(async did => {
    const found = await ask(`/v1/issuers/${encodeURIComponent(did)}`, signal);
    if (found !== null) {
      names.set(did, found.status === 200 && isName(found.body?.name) ? found.body.name : null);
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

/** What `judged` finds of the first of these proofs that the ledger does not contradict, else of the first, and that proof. */
export async function bestOf(credential, candidates, how) {
  let first = null;
  for (const one of candidates.slice(0, MOST_JUDGED)) {
    const found = {...one, ...await judged(credential, one, how)};
    if (outcomesOf(found.report).root !== FAILED) {
      return found;
    }
    first ??= found;
  }
  return first;
}

/**
 * {report, word, names, late}: the report of verify() with the accreditation in it, the word of the service as `verdictOf` takes it, and names.
 *
 * `proof`: as it was given; `read`: of readProof; `isKnown`: whether the service gave it. `digests`: further forms of the file that its issuer
 * posted. `trusted`: {registry, finality}, the contract to be read. `asked`: {node, registry}, URLs or null. All are asked at the same time.
 */
export async function judged(credential, {proof, read, isKnown}, {digests = [], trusted, asked, signal}) {
  const {issuer, anchor} = read, fetch = fetchUntil(signal), forms = [...new Set([toHex(read.digest), ...digests])];
  const [report, named, told, accreditation] = await Promise.all([
    verify(credential, proof, {
      registry: trusted.registry, finality: trusted.finality, rpcUrl: asked.node, service: location.origin, allowPrivate: true, fetch
    }),
    namesOf([issuer], signal),
    statusOfAll(forms, issuer, signal),
    checkAccreditation(credential && accreditationClaim(credential), asked.registry, {anchoredAt: anchor.anchoredAt, fetch})
  ]);
  report.checks = report.checks.map(one => one.check === accreditation.check ? accreditation : one);
  return {report, word: {holds: isKnown && anchor.state === 'final', ...told}, ...named};
}

/** Of others, until the look ends. Credentials never go along, nor does the address of this page. */
function fetchUntil(signal) {
  return (url, options) => fetch(url, {...options, signal, credentials: 'omit', referrerPolicy: 'no-referrer'});
}
