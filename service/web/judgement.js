/** What the page says of a credential, from the report of the verifier and from what the service knows: no network, no DOM. */
import {CANNOT_TELL, checkIssuer, FAILED, isDid, latin1, parseJson, PASSED, withoutEnd} from './verify.js';

const OF_VALIDITY = {over: 'expired', early: 'early', unclear: 'unclear'};

/**
 * The one sentence that a reader needs: {key, tone, basis}. `key`: of the messages; `tone`: good, part, bad, warn, calm. `basis`: where
 * the file limits what is said of its anchor, on what that stands: `exactly` on the ledger, `notfinal`, or `service` by its word.
 *
 * `report`: of verify(). `hasFile`: whether there was a file to compare. `word`: what the service says in place of the ledger, or null:
 * {holds, status, lists}, where status is `clear`, `revoked`, `suspended` or null, and lists are those it speaks of.
 */
export function verdictOf(report, hasFile, word) {
  const outcomes = outcomesOf(report);
  return badOf(report, outcomes, word) ?? untoldOf(report, outcomes, hasFile, word) ?? heldOf(report, outcomes, hasFile);
}

function badOf(report, outcomes, word) {
  const found = new Set(report.statusLists.map(one => one.verdict));
  if (outcomes.digest === FAILED) {
    return {key: 'changed', tone: 'bad'};
  }
  if (outcomes.path === FAILED || outcomes.root === FAILED && outcomes.registry !== FAILED) {
    return {key: 'broken', tone: 'bad'};
  }
  if (outcomes['issuer-match'] === FAILED) {
    return {key: 'stranger', tone: 'bad'};
  }
  // A revocation counts even where something else cannot be told, and as soon as the service shows it.
  const bad = ['revoked', 'suspended'].find(one => found.has(one) || word?.status === one);
  const isOfFile = report.statusLists.some(one => one.verdict === bad && one.namedAt !== null);
  return bad ? takenBack(bad, isOfFile || outcomes['issuer-match'] === PASSED) : null;
}

/** `isIssuers`: whether it is known to be the issuer's doing. Anybody may anchor another's file, and revoke that anchor. */
const takenBack = (bad, isIssuers) => ({key: isIssuers ? bad : `${bad}.handed`, tone: 'bad'});

/** What hinders that anything is said for the file. */
function untoldOf(report, outcomes, hasFile, word) {
  if (outcomes.registry === FAILED) {
    return {key: 'elsewhere', tone: 'warn'}; // nothing is read of another contract, whatever stands there
  }
  if (report.isAddedTo) {
    return {key: 'added', tone: 'warn'};
  }
  if (outcomes.status === FAILED) {
    return {key: 'stale', tone: 'warn'};
  }
  const isHeld = isDirect(outcomes) || isByWord(outcomes, word) && word.status === 'clear' && !isUnseen(report, word);
  const isUntold = hasFile && (outcomes.digest !== PASSED || basisOf(outcomes) === 'exactly' && outcomes.status !== PASSED);
  return isHeld && !isUntold ? null : {key: 'untold', tone: 'calm'};
}

/** What the file says of itself, and who vouches for its issuer, count where all else holds, by whose word it may be. */
function heldOf({validity, isValidityOfToken}, outcomes, hasFile) {
  const basis = basisOf(outcomes);
  if (!hasFile) {
    return basis === 'notfinal' ? {key: basis, tone: 'warn'} : {key: 'digest', tone: 'calm'};
  }
  // A token that is over, or has not begun, was looked at no further.
  const limit = outcomes['credential-signature'] === FAILED && !isValidityOfToken ? 'signature'
    : validity.state !== null ? OF_VALIDITY[validity.state] : outcomes.accreditation === FAILED ? 'unaccredited' : null;
  if (limit !== null) {
    return {key: limit, tone: 'warn', basis};
  }
  if (basis !== 'exactly') {
    return {key: basis, tone: 'warn'};
  }
  return outcomes['issuer-match'] === PASSED ? {key: 'genuine', tone: 'good'} : {key: 'anchored', tone: 'part'};
}

const OF_THE_PROOF = ['path', 'registry', 'root'];
const isDirect = outcomes => outcomes.registry === PASSED && outcomes.root === PASSED;
const isByWord = (outcomes, word) => outcomes.registry === PASSED && word?.holds === true;
const basisOf = outcomes => !isDirect(outcomes) ? 'service' : outcomes.finality === PASSED ? 'exactly' : 'notfinal';

/** Whether the file names a status list that was not looked at, and that the service does not speak of either. */
export function isUnseen(report, word) {
  const isTold = one => one.list !== null && word?.lists?.some(({list, index}) => list === one.list && index === one.index);
  return report.statusLists.some(one => one.namedAt !== null && one.outcome === CANNOT_TELL && !isTold(one));
}

/**
 * With what reserve it is told who anchored what and when: a key of the messages below `r.`, null where the ledger shows it of this file, or
 * of what the link names. Nothing that a proof does not hold for is claimed of the file. Arguments: of `verdictOf`.
 */
export function reserveOf(report, hasFile, word) {
  const outcomes = outcomesOf(report);
  if (OF_THE_PROOF.some(name => outcomes[name] === FAILED)) {
    return outcomes.registry === FAILED && outcomes.path !== FAILED ? 'elsewhere' : 'broken';
  }
  if (hasFile && outcomes.digest !== PASSED) {
    return outcomes.digest === FAILED ? 'changed' : report.isAddedTo ? 'added' : 'untold';
  }
  return isDirect(outcomes) ? null : isByWord(outcomes, word) ? 'service' : 'unshown';
}

/**
 * Whose anchor counts: the first of those `named`, by the reader, the file and the link, who has one; who alone has one; else null.
 *
 * Nobody but who is named is shown as the author of anything by this: it is one of the checks whether the file names who counts.
 */
export function whose(all, named) {
  return named.find(one => all.includes(one)) ?? (all.length === 1 ? all[0] : null);
}

/**
 * What a link says beside the file that was given: {isOther, issuer}, where `issuer` is whom it names in place of who anchored the file, or
 * null. `given`: {bytes, isOther}. `expected`: digest and issuer of the link, or null.
 */
export function besideLink({bytes, isOther}, expected, anchorer) {
  const named = bytes && !isOther ? expected?.issuer ?? null : null;
  return {isOther, issuer: named === anchorer ? null : named};
}

/** The verdict on a file that holds, but is another than its link names, or of another where it does not say itself whose it is. */
export function verdictBesideLink(judged, link, match) {
  if (judged.tone === 'bad' || link.isOther) {
    return judged.tone === 'bad' ? judged : {key: 'other', tone: 'warn'};
  }
  return link.issuer && match !== PASSED && !UNSHOWN.includes(judged.key) ? {key: 'misnamed', tone: 'warn'} : judged;
}

const UNSHOWN = ['added', 'elsewhere', 'stale', 'untold']; // whose anchor it is does not stand there

/** Of a credential that waits: {key, tone, match}, where `match` is the outcome of *issuer-match*. `status`: as the service says it. `validity`: of `readableValidity`. */
export function verdictOfWaiting(credential, issuer, status, validity) {
  const match = checkIssuer({issuer}, credential).outcome;
  const judged = match === FAILED ? {key: 'foreign', tone: 'bad'}
    : ['revoked', 'suspended'].includes(status) ? takenBack(status, match === PASSED)
      : validity.state === 'over' ? {key: 'over', tone: 'warn'} : {key: 'waiting', tone: 'calm'};
  return {...judged, match};
}

export function outcomesOf(report) {
  return Object.fromEntries(report.checks.map(one => [one.check, one.outcome]));
}

/** The checks whose advice a reader should see first: what failed, else what could not be told; nothing that the verdict says itself. */
export function toDo(report, required, verdict) {
  const only = {digest: 'digest', added: 'digest', elsewhere: 'registry'}[verdict.key];
  if (only) {
    return report.checks.filter(one => one.check === only);
  }
  const isSaid = name => verdict.tone === 'bad' && (name === 'status' || name === 'issuer-match');
  const failed = report.checks.filter(one => one.outcome === FAILED && !isSaid(one.check));
  if (failed.length || verdict.tone === 'good' || verdict.tone === 'bad') {
    return failed;
  }
  const isUntold = one => one.outcome === CANNOT_TELL && required.includes(one.check) && !(verdict.key === 'anchored' && one.check === 'issuer-match');
  const untold = report.checks.filter(isUntold);
  // Where the ledger was not read, nothing that follows from it is known, and there is one thing to do.
  return untold.some(one => one.check === 'root') ? untold.filter(one => !['finality', 'status'].includes(one.check)) : untold;
}

const DIGEST = /^(0x)?[0-9a-f]{64}$/i;

export const isDigest = text => DIGEST.test(text);

/** Digest and issuer of a permalink, or a digest alone: {digest, issuer}, or null. `origin`: of this page, the only one whose links are opened here. */
export function readPermalink(text, origin) {
  if (isDigest(text)) {
    return {digest: `0x${text.replace(/^0x/i, '').toLowerCase()}`, issuer: null};
  }
  let url;
  try {
    url = new URL(text, origin);
  } catch {
    return null;
  }
  const digest = url.searchParams.get('digest'), issuer = url.searchParams.get('issuer');
  const isOne = url.origin === origin && isDigest(digest ?? '') && (issuer === null || isDid(issuer));
  return isOne ? {...readPermalink(digest, origin), issuer} : null;
}

/** Why a file that begins like JSON is not compared as it: {key, reason}, where the key is `large`, `form` or `json`; null for other files. */
export function faultOfJson(bytes) {
  if (!/^[\s\ufeff]*[{[]/.test(new TextDecoder().decode(bytes.subarray(0, 64)))) {
    return null;
  }
  try {
    parseJson(bytes);
    return null;
  } catch (refused) {
    // A byte order mark, or a value that not every reader takes alike: whole, and without a form that is compared.
    const isWhole = refused.slug === 'invalid-input' || bytes[0] === 0xef;
    return {key: refused.slug === 'too-large' ? 'large' : isWhole ? 'form' : 'json', reason: refused.message};
  }
}

const PICTURES = [/^\xff\xd8\xff/, /^\x89PNG\r\n/, /^GIF8[79]a/, /^RIFF[^]{4}WEBP/, /^[^]{4}ftyp(?:heic|heix|mif1|avif)/,
  /^(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!DOCTYPE[^>]*>\s*)?<svg[\s>]/];

/** Whether a file is a picture, as the photo of a QR code is, by its first bytes. */
export const isPicture = bytes => PICTURES.some(kind => kind.test(latin1(bytes.subarray(0, 512))));

/** The signed token in a text, without the line breaks that mail programs put in, quotes, or the `Bearer` of a header; null for other texts. */
export function tokenIn(text) {
  const bare = withoutEnd(text.trim().replace(/^["'“”«»]+/, ''), '"\'“”«»,');
  const joined = bare.replace(/^(?:Authorization:\s*)?Bearer\s+/i, '').replace(/\s+/g, '');
  return /^eyJ[\w-]*\.[\w-]+\.[\w-]+(?:~[\w.~-]*)?$/.test(joined) ? joined : null;
}

/** Pasted text as it was meant: a token, or the text without space or the fence of Markdown around it. */
export function textOf(pasted) {
  const text = pasted.trim(), first = text.indexOf('\n'), isFenced = /^```[\w-]*\s*$/.test(text.slice(0, first + 1)) && text.endsWith('```');
  const fenced = isFenced ? text.slice(first, -3) : text;
  return tokenIn(fenced) ?? fenced.trim();
}

const LONGEST_LINK = 2000, LINK = /^(?:[^]{0,60}\s)?[<(]?((?:https?:\/\/)?[^\s/?#]+\/\S*\?\S*digest=\S+)$/i;

/** The link of a credential in a text, as a mail has it: broken across lines, after a few words, without its scheme; null in other texts. */
export function linkIn(text, origin) {
  if (text.length > LONGEST_LINK || /^\s*[{["]/.test(text)) {
    return null;
  }
  const [, found] = LINK.exec(text.replace(/[\u200b\ufeff]/g, '').trim().replace(/\s*[\r\n]\s*/g, '')) ?? [];
  const link = found && withoutEnd(found, '.,;:!)>"\'”»');
  return !link ? null : /^https?:/i.test(link) ? link : `${new URL(origin).protocol}//${link}`;
}
