/**
 * Whether a Trusted Issuers Registry shows a credential's issuer as accredited for its types: what docs/verification.md says of the
 * check `accreditation`, as the Python library does it. One step is made, and the registry's word is taken.
 */
import {bounded, CANNOT_TELL, claimedIssuer, FAILED, formatMoment, momentOf, parseJson, PASSED, readableClaims, Refused, within} from './verify.js';

const MOST_REFERENCES = 8, TIMEOUT_MS = 15_000;
const LIMITS = {maxBytes: 256 * 1024, maxDepth: 16, maxValues: 20_000};
const KINDS = ['TI', 'TAO', 'RootTAO'], GENERAL = ['VerifiableCredential', 'VerifiableAttestation'];

class NotShown extends Error {
  constructor(outcome, why) {
    super(why);
    this.outcome = outcome;
  }
}

const many = value => Array.isArray(value) ? value : value === undefined || value === null ? [] : [value];
const texts = value => many(value).filter(one => typeof one === 'string');
const member = (value, name) => value instanceof Map ? value.get(name) : undefined;
const documentOf = claims => member(claims, 'vc') instanceof Map ? claims.get('vc') : claims;

/** {issuer, types, references}: what a credential says of its issuer's accreditation, or null. Nothing is verified here. */
export function accreditationClaim(credential) {
  const claims = readableClaims(credential), {claimed} = claims ? claimedIssuer(credential) : {};
  if (claimed === undefined) {
    return null;
  }
  const document = documentOf(claims), terms = many(document.get('termsOfUse')).filter(one => member(one, 'type') === 'IssuanceCertificate');
  const references = terms.map(one => one.get('id')).filter(one => typeof one === 'string').slice(0, MOST_REFERENCES);
  return references.length ? {issuer: claimed, types: texts(document.get('type')), references} : null;
}

/**
 * The check: {check, outcome, reason}. `claim`: of accreditationClaim. `registry`: the URL of the registry's issuers, or null.
 * `anchoredAt`: when the credential was anchored. Only attributes of its issuer in this registry are fetched.
 */
export async function checkAccreditation(claim, registry, {anchoredAt, fetch = globalThis.fetch}) {
  const told = (outcome, reason) => ({check: 'accreditation', outcome, reason});
  if (claim === null || registry === null) {
    const named = claim ? `: the credential names ${claim.references.join(', ')}` : '';
    return told(CANNOT_TELL, `the issuer's accreditation was not checked${named}`);
  }
  try {
    return told(PASSED, await accredited(claim, registry, momentOf(anchoredAt), fetch));
  } catch (failed) {
    if (failed instanceof NotShown) {
      return told(failed.outcome, failed.message);
    }
    throw failed;
  }
}

async function accredited({issuer, types, references}, registry, at, fetch) {
  if (types.some(name => /^Verifiable(?:Accreditation|Authorisation)/.test(name))) {
    throw new NotShown(CANNOT_TELL, 'the credential is an accreditation itself, and who may give such is not judged here');
  }
  const covered = new Set(GENERAL), given = [], below = `${registry.replace(/\/+$/, '')}/`, own = `${below}${issuer}/attributes/`;
  for (const reference of references) {
    if (!reference.startsWith(own) || !/^[0-9A-Za-z]{1,100}$/.test(reference.slice(own.length))) {
      throw reference.startsWith(below)
        ? new NotShown(FAILED, `${reference} is no attribute of ${issuer}`)
        : new NotShown(CANNOT_TELL, `${reference} is not in the registry ${registry}`);
    }
    const found = attribute(reference, await answerOf(reference, fetch), issuer, at);
    found.types.forEach(name => covered.add(name));
    given.push(found.words);
  }
  const missing = types.filter(name => !covered.has(name));
  if (missing.length) {
    throw new NotShown(FAILED, `${issuer} is not accredited for ${missing.join(', ')}, says ${registry}`);
  }
  return `${issuer} is accredited for ${types.join(', ')}: ${given.join('; ')}, says ${registry}; ` +
    "the accreditation's own signature and that of its giver were not checked";
}

async function answerOf(reference, fetch) {
  let response, content;
  try {
    [response, content] = await within(TIMEOUT_MS, async signal => {
      const answer = await fetch(reference, {headers: {Accept: 'application/json'}, redirect: 'error', signal});
      return [answer, await bounded(answer, LIMITS.maxBytes)];
    });
  } catch {
    throw new NotShown(CANNOT_TELL, `${reference} is out of reach: no answer`);
  }
  if (response.status === 404) {
    throw new NotShown(FAILED, `${reference} is not there, says its registry`);
  }
  if (response.status !== 200) {
    throw new NotShown(CANNOT_TELL, `${reference} is out of reach: HTTP status ${response.status}`);
  }
  return content;
}

function attribute(reference, content, issuer, at) {
  try {
    const read = parseJson(content, LIMITS), found = member(read, 'did') === issuer ? read.get('attribute') : null;
    const kind = member(found, 'issuerType'), body = member(found, 'body');
    if (kind === 'Revoked') {
      throw new NotShown(FAILED, `${reference} was revoked`);
    }
    if (!KINDS.includes(kind) || typeof body !== 'string') {
      throw new NotShown(CANNOT_TELL, `${reference} is not described as an attribute of ${issuer}`);
    }
    if (!body) {
      throw new NotShown(FAILED, `${reference} is reserved, and no accreditation stands there`);
    }
    return accreditation(reference, documentOf(readableClaims(new TextEncoder().encode(body))), issuer, at);
  } catch (refused) {
    throw refused instanceof Refused ? unreadable(reference) : refused;
  }
}

const unreadable = reference => new NotShown(CANNOT_TELL, `${reference} cannot be read as an accreditation`);

function accreditation(reference, document, issuer, at) {
  if (!(document instanceof Map)) {
    throw unreadable(reference);
  }
  const subject = document.get('credentialSubject'), issuerOf = document.get('issuer'), giver = member(issuerOf, 'id') ?? issuerOf;
  if (member(subject, 'id') !== issuer) {
    throw new NotShown(FAILED, `${reference} accredits another than ${issuer}`);
  }
  const moment = name => {
    const value = document.get(name) ?? null, found = typeof value === 'string' ? momentOf(value) : null;
    if (value !== null && found === null) {
      throw unreadable(reference);
    }
    return found;
  };
  const begins = moment('validFrom'), ends = moment('expirationDate') ?? moment('validUntil');
  if (begins !== null && at < begins) {
    throw new NotShown(CANNOT_TELL,
      `${reference} began at ${formatMoment(begins)}, after the anchor of ${formatMoment(at)}: an earlier revision may tell`);
  }
  if (ends !== null && at > ends) {
    throw new NotShown(FAILED, `${reference} ended at ${formatMoment(ends)}, before the anchor of ${formatMoment(at)}`);
  }
  return {
    types: many(subject.get('accreditedFor')).flatMap(one => texts(member(one, 'types'))),
    words: `by ${typeof giver === 'string' ? giver : 'somebody without a name'}${ends === null ? '' : ` until ${formatMoment(ends)}`}`
  };
}

/** What a file names as accreditations, unverified: URLs in a registry, and titles with who gave them (European Digital Credentials). */
export function namedAccreditations(credential, language) {
  const claims = readableClaims(credential), found = [...accreditationClaim(credential)?.references ?? []], left = claims ? [claims] : [];
  while (left.length) {
    const value = left.pop();
    if (Array.isArray(value)) {
      left.push(...value);
    } else if (value instanceof Map) {
      if (value.get('type') === 'Accreditation') {
        found.push([value.get('title'), member(value.get('accreditingAgent'), 'legalName')].map(one => inLanguage(one, language)).filter(Boolean).join(', '));
      }
      left.push(...value.values());
    }
  }
  return [...new Set(found.filter(Boolean))].slice(0, MOST_REFERENCES);
}

function inLanguage(text, language) {
  const [first] = text instanceof Map ? texts(many(text.get(language) ?? text.get('en') ?? [...text.values()][0]).flat()) : texts(text);
  return first ?? null;
}
