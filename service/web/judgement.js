/** What the page says of a credential, from the report of the verifier and from what the service knows: no network, no DOM. */
import {CANNOT_TELL, FAILED, momentOf, formatMoment, parseJson, PASSED, readableClaims} from './verify.js';

/**
 * The one sentence that a reader needs: {key, tone}. `key`: of the messages; `tone`: good, bad, warn, calm.
 *
 * `report`: of verify(). `hasFile`: whether there was a file to compare. `word`: what the service says in place of the ledger, or null:
 * {holds, status}, where status is `clear`, `revoked`, `suspended` or null. `isOver`: whether the file's own words end its validity.
 */
export function verdictOf(report, hasFile, word, isOver = false) {
  const outcomes = outcomesOf(report);
  const found = new Set(report.statusLists.map(one => one.verdict));
  if (outcomes.digest === FAILED) {
    return {key: 'changed', tone: 'bad'};
  }
  if (outcomes['issuer-match'] === FAILED) {
    return {key: 'stranger', tone: 'bad'};
  }
  if (['path', 'registry', 'root'].some(name => outcomes[name] === FAILED)) {
    return {key: 'broken', tone: 'bad'};
  }
  // A revocation counts even where something else cannot be told, and as soon as the service shows it.
  for (const bad of ['revoked', 'suspended']) {
    if (found.has(bad) || word?.status === bad) {
      return {key: bad, tone: 'bad'};
    }
  }
  if (outcomes.status === FAILED) {
    return {key: 'stale', tone: 'warn'};
  }
  if (hasFile && outcomes.digest !== PASSED) {
    return {key: 'untold', tone: 'calm'};
  }
  const isDirect = outcomes.registry === PASSED && outcomes.root === PASSED;
  if (!isDirect) {
    return outcomes.registry === PASSED && word?.holds && word.status === 'clear'
      ? hasFile ? {key: 'service', tone: 'warn'} : {key: 'digest', tone: 'calm'} : {key: 'untold', tone: 'calm'};
  }
  if (outcomes.finality !== PASSED) {
    return {key: 'notfinal', tone: 'warn'};
  }
  if (!hasFile) {
    return {key: 'digest', tone: 'calm'};
  }
  if (outcomes.status !== PASSED) {
    return {key: 'untold', tone: 'calm'};
  }
  // What the file says of itself, and who vouches for its issuer, count where all else holds.
  if (outcomes['credential-signature'] === FAILED) {
    return {key: 'signature', tone: 'warn'};
  }
  if (isOver) {
    return {key: 'expired', tone: 'warn'};
  }
  if (outcomes.accreditation === FAILED) {
    return {key: 'unaccredited', tone: 'warn'};
  }
  return outcomes['issuer-match'] === PASSED ? {key: 'genuine', tone: 'good'} : {key: 'anchored', tone: 'good'};
}

export function outcomesOf(report) {
  return Object.fromEntries(report.checks.map(one => [one.check, one.outcome]));
}

/** The checks whose advice a reader should see first: what failed, else what could not be told; nothing that the verdict says itself. */
export function toDo(report, required, verdict) {
  if (verdict.key === 'digest') {
    return report.checks.filter(one => one.check === 'digest');
  }
  const failed = report.checks.filter(one => one.outcome === FAILED && !(one.check === 'status' && verdict.tone === 'bad'));
  if (failed.length || verdict.tone === 'good' || ['revoked', 'suspended'].includes(verdict.key)) {
    return failed;
  }
  const untold = report.checks.filter(one => one.outcome === CANNOT_TELL && required.includes(one.check));
  // Where the ledger was not read, nothing that follows from it is known, and there is one thing to do.
  return untold.some(one => one.check === 'root') ? untold.filter(one => !['finality', 'status'].includes(one.check)) : untold;
}

/** Digest and issuer of a permalink: {digest, issuer}, or null. `origin`: of this page, the only one whose links are opened here. */
export function readPermalink(text, origin) {
  let url;
  try {
    url = new URL(text, origin);
  } catch {
    return null;
  }
  const digest = url.searchParams.get('digest'), issuer = url.searchParams.get('issuer');
  const isOne = url.origin === origin && /^(0x)?[0-9a-f]{64}$/i.test(digest ?? '') && (issuer === null || /^did:[a-z0-9]+:.{1,500}$/.test(issuer));
  return isOne ? {digest: `0x${digest.replace(/^0x/, '').toLowerCase()}`, issuer} : null;
}

/** Until when a credential is valid by its own words, as a time in UTC; null where it does not say, or not so that it can be read. */
export function validUntil(credential) {
  const claims = readableClaims(credential), envelope = claims?.get('vc'), document = envelope instanceof Map ? envelope : claims;
  const said = document?.get('validUntil') ?? document?.get('expirationDate'), moment = typeof said === 'string' ? momentOf(said) : null;
  const exp = claims?.get('exp');
  return moment !== null ? formatMoment(moment)
    : Number.isSafeInteger(exp) && exp > 0 && exp < 253_402_300_800 ? formatMoment(BigInt(exp) * 1_000_000n) : null;
}

/** Where a file that begins like JSON stops being it; null for other files. */
export function faultOfJson(bytes) {
  if (!/^[\s\ufeff]*[{[]/.test(new TextDecoder().decode(bytes.subarray(0, 64)))) {
    return null;
  }
  try {
    parseJson(bytes);
    return null;
  } catch (refused) {
    return refused.message;
  }
}

/** Pasted text as it was meant: without space around it, and a token without the line breaks that mail programs put in. */
export function textOf(pasted) {
  const text = pasted.trim(), joined = text.replace(/\s+/g, '');
  return /^eyJ[\w-]*\.[\w-]+\.[\w-]+(?:~[\w.~-]*)?$/.test(joined) ? joined : text;
}
