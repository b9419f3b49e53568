/**
 * A verifier of anchored credentials: one ES module without dependencies, for browsers and Node 20 or newer.
 *
 * It does what docs/digests.md and docs/proof-format.md say, as the Python library does, and both agree on the vectors in
 * tests/vectors. Nothing a proof says of itself is believed: the digest is computed from the credential, the root from the path,
 * and the rest is asked of a node, of the contract that the caller pinned. What is not checked here is *cannot tell*.
 *
 * Browsers give WebCrypto to pages from https or localhost only.
 */

export const PASSED = 'passed', FAILED = 'failed', CANNOT_TELL = 'cannot tell';

/** The checks, in the order in which they are reported. */
export const CHECKS = Object.freeze([
  'digest', 'path', 'registry', 'root', 'finality', 'issuer-match', 'credential-signature', 'accreditation', 'status'
]);

/** What a verifier requires unless told otherwise. */
export const REQUIRED = Object.freeze(CHECKS.filter(name => name !== 'credential-signature' && name !== 'accreditation'));

/** How large a document may be: bytes; arrays and objects open at once; commas and opening brackets outside strings. */
export const LIMITS = Object.freeze({maxBytes: 20 * 1024 * 1024, maxDepth: 64, maxValues: 500_000});

/** Input that is refused. `slug`: as in problem documents (docs/api.md). `at`: where, or null. */
export class Refused extends Error {
  constructor(slug, message, at = null) {
    super(at === null ? message : `${at}: ${message}`);
    this.name = 'Refused';
    this.slug = slug;
    this.at = at;
    this.reason = message;
  }
}

// Bytes

const encoder = new TextEncoder();

/** Lower-case hexadecimal with `0x`. */
export function toHex(bytes) {
  return '0x' + Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('');
}

/** Bytes of hexadecimal digits, with or without `0x`. The digits were checked before. */
function fromHex(text) {
  const digits = text.startsWith('0x') ? text.slice(2) : text;
  return Uint8Array.from({length: digits.length / 2}, (_, i) => parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}

function concat(...parts) {
  const joined = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

async function sha256(...parts) {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', concat(...parts)));
}

function uint64(value) {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

function equal(one, other) {
  return one.length === other.length && one.every((byte, i) => byte === other[i]);
}

/** One character for each byte, for regular expressions. */
function latin1(bytes) {
  let text = '';
  for (let at = 0; at < bytes.length; at += 8192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return text;
}

// Strict JSON (docs/digests.md, section 3)

/** A number that was written with a fraction or an exponent: where an integer is asked for, it is none. */
class Real {
  constructor(value) {
    this.value = value;
  }
}

/**
 * The value of one JSON document in UTF-8: objects are Maps, in their order, and numbers with a fraction or exponent are objects
 * with a `value`. Throws Refused with slug `malformed-body`, `too-large` or `invalid-input`, and the place.
 */
export function parseJson(bytes, limits = LIMITS) {
  return new Scan(decodeUtf8(bytes, limits), limits).document();
}

function decodeUtf8(bytes, limits) {
  if (bytes.length > limits.maxBytes) {
    throw new Refused('too-large', `the document has ${bytes.length} bytes; at most ${limits.maxBytes} are read`, `byte ${limits.maxBytes}`);
  }
  const starts = (...marks) => marks.every((mark, i) => bytes[i] === mark);
  if (starts(0xef, 0xbb, 0xbf)) {
    throw new Refused('malformed-body', 'a byte order mark stands before the JSON text; leave it out', 'byte 0');
  }
  if (starts(0xff, 0xfe) || starts(0xfe, 0xff) || bytes[0] === 0 || bytes[1] === 0) {
    throw new Refused('malformed-body', 'this is UTF-16 or UTF-32; JSON is exchanged in UTF-8', 'byte 0');
  }
  try {
    return new TextDecoder('utf-8', {fatal: true, ignoreBOM: true}).decode(bytes);
  } catch {
    throw new Refused('malformed-body', 'not UTF-8', `byte ${firstBadByte(bytes)}`);
  }
}

/** Where UTF-8 ends being UTF-8: the first byte of the sequence that is none (RFC 3629 section 4). */
function firstBadByte(bytes) {
  const within = (at, low, high) => bytes[at] >= low && bytes[at] <= high;
  for (let at = 0; at < bytes.length;) {
    const lead = bytes[at];
    const size = lead < 0x80 ? 1 : within(at, 0xc2, 0xdf) ? 2 : within(at, 0xe0, 0xef) ? 3 : within(at, 0xf0, 0xf4) ? 4 : 0;
    const low = {0xe0: 0xa0, 0xf0: 0x90}[lead] ?? 0x80, high = {0xed: 0x9f, 0xf4: 0x8f}[lead] ?? 0xbf;
    const holds = size === 1 || (size > 1 && within(at + 1, low, high) &&
      Array.from({length: size - 2}, (_, i) => within(at + 2 + i, 0x80, 0xbf)).every(Boolean));
    if (!holds) {
      return at;
    }
    at += size;
  }
  return bytes.length;
}

const SPACE = /[ \t\n\r]*/y;
const CHARACTERS = new RegExp(
  '(?:[^"\\\\\\u0000-\\u001f]+|\\\\["\\\\/bfnrt]|\\\\u(?![dD][89a-fA-F])[0-9a-fA-F]{4}' +
  '|\\\\u[dD][89abAB][0-9a-fA-F]{2}\\\\u[dD][c-fC-F][0-9a-fA-F]{2}){1,1000}', 'y');
const HALF = /\\u[dD][89a-fA-F][0-9a-fA-F]{2}/y;
const WORD = /true|false|null|(-?Infinity|NaN)/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)((?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)/y;
const WORDS = {true: true, false: false, null: null};

/** One pass over a text, without recursion, to its value or its first fault. */
class Scan {
  constructor(text, limits) {
    this.text = text;
    this.limits = limits;
    this.at = 0;
    this.values = 0;
    this.open = []; // {value: array or Map, step: index or name or null}
  }

  document() {
    this.skipSpace();
    const value = this.value();
    while (this.open.length) {
      this.skipSpace();
      this.memberOrEnd(this.open.at(-1));
    }
    this.skipSpace();
    if (this.at < this.text.length) {
      this.fail('the document has ended before this');
    }
    return value;
  }

  memberOrEnd(inside) {
    const isArray = Array.isArray(inside.value), end = isArray ? ']' : '}';
    if (this.take(end)) {
      this.open.pop();
      return;
    }
    inside.step = null;
    if (inside.count) {
      if (!this.take(',')) {
        this.fail(`expected , or ${end}`);
      }
      this.countValue(this.at - 1);
      this.skipSpace();
    }
    inside.step = isArray ? inside.count : this.name(inside);
    inside.count += 1;
    const value = this.value();
    if (isArray) {
      inside.value.push(value);
    } else {
      inside.value.set(inside.step, value);
    }
  }

  name(inside) {
    const start = this.at;
    if (!this.take('"')) {
      this.fail("expected a member's name in quotes");
    }
    const name = this.string(start);
    if (inside.value.has(name)) {
      inside.step = name;
      this.refuse('this name stands twice in one object', start);
    }
    this.skipSpace();
    if (!this.take(':')) {
      this.fail('expected :');
    }
    this.skipSpace();
    return name;
  }

  value() {
    const start = this.at;
    if (this.take('{')) {
      return this.enter(new Map(), start);
    }
    if (this.take('[')) {
      return this.enter([], start);
    }
    if (this.take('"')) {
      return this.string(start);
    }
    const word = this.match(WORD);
    if (word) {
      if (word[1]) {
        this.at = start;
        this.fail('NaN and infinities are not JSON');
      }
      return WORDS[word[0]];
    }
    const number = this.match(NUMBER);
    if (!number) {
      this.fail('expected a value');
    }
    const wrong = number[1] ? faultOfReal(number[0]) : faultOfInteger(number[0]);
    if (wrong) {
      this.refuse(wrong, start);
    }
    return number[1] ? new Real(Number(number[0])) : Number(number[0]);
  }

  enter(value, start) {
    if (this.open.length === this.limits.maxDepth) {
      throw new Refused('too-large', `nested more than ${this.limits.maxDepth} deep`, this.place(start));
    }
    this.countValue(start);
    this.open.push({value, step: null, count: 0});
    return value;
  }

  countValue(start) {
    this.values += 1;
    if (this.values > this.limits.maxValues) {
      throw new Refused('too-large', `more than ${this.limits.maxValues} commas and opening brackets`, this.place(start));
    }
  }

  /** `at` stands after its opening quote. */
  string(start) {
    while (this.match(CHARACTERS)) {
      // a bounded run at a time
    }
    if (!this.take('"')) {
      if (this.at === this.text.length) {
        this.fail('this string has no end', start);
      }
      HALF.lastIndex = this.at;
      if (HALF.test(this.text)) {
        this.refuse('half of a surrogate pair, which is no character', this.at);
      }
      this.fail(this.text[this.at] === '\\' ? 'no such escape' : 'control characters must be escaped');
    }
    return JSON.parse(this.text.slice(start, this.at));
  }

  match(expression) {
    expression.lastIndex = this.at;
    const found = expression.exec(this.text);
    if (found) {
      this.at = expression.lastIndex;
    }
    return found;
  }

  take(character) {
    if (this.text[this.at] !== character) {
      return false;
    }
    this.at += 1;
    return true;
  }

  skipSpace() {
    this.match(SPACE);
  }

  fail(message, at = this.at) {
    throw new Refused('malformed-body', message, this.place(at));
  }

  refuse(message, at) {
    throw new Refused('invalid-input', message, this.place(at));
  }

  /** Lines and columns count from 1, columns in characters. */
  place(at) {
    const before = this.text.slice(0, at);
    const line = before.split('\n').length;
    const column = Array.from(before.slice(before.lastIndexOf('\n') + 1)).length + 1;
    return `${jsonPath(this.open.map(inside => inside.step))} (line ${line}, column ${column})`;
  }
}

const UNSAFE = 'integers of 2^53 and more are not the same number to every reader; write it as a string';
const MINUS_ZERO = '-0 and 0 are one number; write 0';

function faultOfInteger(literal) {
  if (literal.length > '-9007199254740991'.length || !Number.isSafeInteger(Number(literal))) {
    return UNSAFE;
  }
  return literal === '-0' ? MINUS_ZERO : null;
}

function faultOfReal(literal) {
  const value = Number(literal);
  if (value === 0) {
    if (literal.startsWith('-')) {
      return MINUS_ZERO;
    }
    return /[1-9]/.test(literal.split(/e/i)[0]) ? 'too small for a double' : null;
  }
  if (!Number.isFinite(value)) {
    return 'too large for a double';
  }
  if (Math.abs(value) > Number.MAX_SAFE_INTEGER && Math.abs(value) < 1e21) {
    return UNSAFE;
  }
  return decimal(literal) === decimal(String(value))
    ? null : 'a double does not hold all these digits; leave out the excess ones, or write it as a string';
}

/** A decimal number in one form: sign, digits without zeros at either end, power of ten. Not for zero. */
function decimal(literal) {
  const [, sign, whole, fraction = '', exponent = '0'] = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/.exec(literal);
  const digits = (whole + fraction).replace(/^0+/, '');
  const bare = digits.replace(/0+$/, '');
  return `${sign}${bare}e${Number(exponent) - fraction.length + digits.length - bare.length}`;
}

/** A JSON path as in RFC 9535; null is no step. Names that are not plain are quoted in ASCII, long ones cut. */
function jsonPath(steps) {
  let path = '$';
  for (const step of steps) {
    if (typeof step === 'number') {
      path += `[${step}]`;
    } else if (step !== null) {
      const characters = Array.from(step);
      const name = characters.length <= 40 ? step : characters.slice(0, 40).join('') + '...';
      const quoted = JSON.stringify(name).replace(/[\u0080-\uffff]/g, one => '\\u' + one.charCodeAt(0).toString(16).padStart(4, '0'));
      path += /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? `.${name}` : `[${quoted}]`;
    }
  }
  return path;
}

/** The JSON Canonicalization Scheme (RFC 8785) of a value that `parseJson` gave, as text. */
export function jcs(value) {
  if (value instanceof Map) {
    const names = [...value.keys()].sort();
    return `{${names.map(name => `${JSON.stringify(name)}:${jcs(value.get(name))}`).join(',')}}`;
  }
  if (Array.isArray(value)) {
    return `[${value.map(jcs).join(',')}]`;
  }
  return JSON.stringify(value instanceof Real ? value.value : value);
}

// Which bytes are hashed (docs/digests.md, section 2)

const JSON_OBJECT = 'application/json', JWT = 'application/jwt', SD_JWT = 'application/dc+sd-jwt', OTHER = 'application/octet-stream';
const NAME = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const MEDIA_TYPE = new RegExp(`^[ \\t]*(${NAME}/${NAME})[ \\t]*(?:;.*)?$`, 's');
const PARAMETER = new RegExp(`;[ \\t]*(${NAME})[ \\t]*=[ \\t]*("(?:[^"\\\\]|\\\\.)*"|[^;]*)`, 'gs');
const NAMED = {
  'application/vc': JSON_OBJECT,
  'application/json': JSON_OBJECT,
  'application/jwt': JWT,
  'application/vc+jwt': JWT,
  'application/dc+sd-jwt': SD_JWT,
  'application/vc+sd-jwt': SD_JWT
};
const ANCHOR_PROOF = 'CredentialAnchorProof';

/**
 * The form of a credential as it was sent: {canonicalization, data, digest, notes}.
 *
 * `body`: bytes. `mediaType`: the `Content-Type` field. `requested`: the rule that was asked for. Throws Refused.
 */
export async function canonicalize(body, mediaType, {requested = null, limits = LIMITS} = {}) {
  const content = contentNamed(mediaType);
  if (requested === 'raw') {
    return withDigest(rawForm(body));
  }
  if (content === JSON_OBJECT) {
    checkCharset(mediaType);
  }
  const seen = content === OTHER ? contentOf(body) : OTHER;
  if (seen !== OTHER) {
    const message = `the body looks like ${seen}; send it as that, or say canonicalization=raw if its bytes are meant`;
    throw new Refused('invalid-input', message, 'Content-Type');
  }
  const form = READERS[content](body, limits);
  if (requested !== null && requested !== form.canonicalization) {
    throw new Refused('invalid-input', `what was sent is hashed as ${form.canonicalization}, not ${requested}`, 'canonicalization');
  }
  return withDigest(form);
}

/** The forms a file may have been anchored in: the one its content asks for, then `raw`; the hinted one first. */
export async function canonicalCandidates(body, hint = null, limits = LIMITS) {
  const forms = [];
  for (const read of new Set([READERS[contentOf(body)], rawForm])) {
    try {
      forms.push(await withDigest(read(body, limits)));
    } catch (refused) {
      if (!(refused instanceof Refused)) {
        throw refused;
      }
    }
  }
  return forms.sort((one, other) => (one.canonicalization !== hint) - (other.canonicalization !== hint));
}

async function withDigest(form) {
  return {...form, digest: await sha256(form.data)};
}

function contentNamed(mediaType) {
  const match = MEDIA_TYPE.exec(mediaType ?? '');
  if (!match) {
    const message = 'say what is sent, such as Content-Type: application/vc, application/jwt or application/pdf';
    throw new Refused('unsupported-media-type', message, 'Content-Type');
  }
  const essence = match[1].toLowerCase();
  if (essence === 'application/x-www-form-urlencoded' || essence.startsWith('multipart/')) {
    const message = `${essence} wraps what is sent; send the file itself (curl --data-binary) in its own media type`;
    throw new Refused('unsupported-media-type', message, 'Content-Type');
  }
  if (essence.startsWith('application/') && essence.endsWith('+json')) {
    return JSON_OBJECT;
  }
  return Object.hasOwn(NAMED, essence) ? NAMED[essence] : OTHER;
}

function checkCharset(mediaType) {
  for (const [, name, value] of mediaType.matchAll(PARAMETER)) {
    if (name.toLowerCase() === 'charset' && !['utf-8', 'utf8'].includes(value.replace(/^[ \t"]+|[ \t"]+$/g, '').toLowerCase())) {
      throw new Refused('unsupported-media-type', 'JSON is exchanged in UTF-8; no other charset is read', 'Content-Type');
    }
  }
}

const PADDING = new Set([0x00, 0x20, 0x09, 0x0d, 0x0a]);
const OBJECT_START = /^[\u00ef\u00bb\u00bf\u00ff\u00fe\u0000 \t\r\n]*\{[\u0000 \t\r\n]*["}]/;
const TOKEN = /^([A-Za-z0-9_+/-]+)=*\.[A-Za-z0-9_+/=-]*\.[A-Za-z0-9_+/=-]*(~[A-Za-z0-9_+/=.~-]*)?$/;

/** What a file is meant as, by its first and last characters; generous. A PDF counts as other: both are raw. */
function contentOf(body) {
  let end = body.length;
  while (end && PADDING.has(body[end - 1])) {
    end -= 1;
  }
  const text = latin1(body);
  if (body[end - 1] === 0x7d && OBJECT_START.test(text)) {
    return JSON_OBJECT;
  }
  const token = TOKEN.exec(trim(text));
  if (token && isJsonObjectInBase64(token[1])) {
    return token[2] ? SD_JWT : JWT;
  }
  return OTHER;
}

function trim(text) {
  return text.replace(/^[ \t\r\n]+/, '').replace(/[ \t\r\n]+$/, '');
}

function isJsonObjectInBase64(text) {
  return text.length % 4 !== 1 && /^[ \t\r\n]*\{/.test(atob(text.replace(/-/g, '+').replace(/_/g, '/')));
}

const READERS = {
  [JSON_OBJECT]: jsonForm,
  [JWT]: (body, limits) => tokenForm('jws-compact', readCompact(body, limits)),
  [SD_JWT]: (body, limits) => tokenForm('sd-jwt-issuer', readSdJwt(body, limits)),
  [OTHER]: rawForm
};

function tokenForm(canonicalization, token) {
  return {canonicalization, data: token.signed, notes: token.notes};
}

function rawForm(body) {
  if (!body.length) {
    throw new Refused('invalid-input', 'the body is empty');
  }
  return {canonicalization: 'raw', data: body, notes: []};
}

function jsonForm(body, limits) {
  const value = parseJson(body, limits);
  if (!(value instanceof Map)) {
    throw new Refused('invalid-input', 'a credential is a JSON object', '$');
  }
  if (isJsonJws(value)) {
    return tokenForm('jws-json', readJsonJws(value, limits));
  }
  const proofs = value.get('proof');
  const kept = new Map(value), notes = [];
  if (Array.isArray(proofs)) {
    const others = proofs.filter(proof => !isAnchorProof(proof));
    if (others.length < proofs.length) {
      notes.push(`${ANCHOR_PROOF} elements taken out of proof: ${proofs.length - others.length}`);
    }
    // An array that was empty goes too: an anchor proof may be put into it later, and the digest must not change then.
    if (others.length) {
      kept.set('proof', others);
    } else {
      kept.delete('proof');
    }
  }
  return {canonicalization: 'jcs', data: encoder.encode(jcs(kept)), notes};
}

function isAnchorProof(proof) {
  const types = proof instanceof Map ? proof.get('type') : undefined;
  return types === ANCHOR_PROOF || (Array.isArray(types) && types.includes(ANCHOR_PROOF));
}

// Signed tokens: JWS (RFC 7515), its unencoded payload (RFC 7797), SD-JWT (RFC 9901). Signatures are not checked.

const JWS_MARKS = ['signatures', 'protected', 'signature'];
const UNCOVERED = 'this is a JWS, and no signature of it covers this member';

function readCompact(body, limits) {
  return compact(asciiText(body, limits), limits);
}

function readSdJwt(body, limits) {
  const text = asciiText(body, limits), tilde = text.indexOf('~');
  if (tilde < 0) {
    throw new Refused('invalid-input', 'an SD-JWT has a ~ after the issuer-signed JWT; without one it is application/jwt');
  }
  const presented = text.slice(tilde + 1);
  if (!/^[A-Za-z0-9_.~-]*$/.test(presented)) {
    throw new Refused('invalid-input', 'not base64url without padding', 'what follows the first ~');
  }
  const disclosures = presented.split('~').length - 1, notes = [];
  if (disclosures) {
    notes.push(`disclosures are not covered: ${disclosures}`);
  }
  if (presented && !presented.endsWith('~')) {
    notes.push('the key binding is not covered');
  }
  return {...compact(text.slice(0, tilde), limits), notes};
}

function isJsonJws(members) {
  return members.has('payload') && JWS_MARKS.some(mark => members.has(mark));
}

function readJsonJws(members, limits) {
  const payload = members.get('payload');
  if (!members.has('signatures')) {
    return signature(new Map([...members].filter(([name]) => name !== 'payload')), payload, [], limits);
  }
  for (const name of members.keys()) {
    if (name !== 'payload' && name !== 'signatures') {
      throw new Refused('invalid-input', UNCOVERED, jsonPath([name]));
    }
  }
  const signatures = members.get('signatures');
  if (!Array.isArray(signatures) || !signatures.length) {
    throw new Refused('invalid-input', 'expected an array of one or more signatures', '$.signatures');
  }
  const [first, ...further] = signatures.map((each, i) => signature(each, payload, ['signatures', i], limits));
  const notes = further.length ? [`signatures after the first are not covered: ${further.length}`] : [];
  return {...first, notes: [...first.notes, ...notes]};
}

function signature(value, payload, steps, limits) {
  if (!(value instanceof Map)) {
    throw new Refused('invalid-input', 'expected an object', jsonPath(steps));
  }
  for (const name of value.keys()) {
    if (!['protected', 'header', 'signature'].includes(name)) {
      throw new Refused('invalid-input', UNCOVERED, jsonPath([...steps, name]));
    }
  }
  if (value.has('header') && !(value.get('header') instanceof Map)) {
    throw new Refused('invalid-input', 'expected an object', jsonPath([...steps, 'header']));
  }
  const protectedHeader = filledString(value.get('protected'), [...steps, 'protected']);
  const signed = filledString(value.get('signature'), [...steps, 'signature']);
  const text = filledString(payload, ['payload']);
  const header = joseHeader(protectedHeader, jsonPath([...steps, 'protected']), limits);
  base64url(signed, jsonPath([...steps, 'signature']));
  return {
    signed: encoder.encode(`${protectedHeader}.${text}.${signed}`),
    payload: header.get('b64') === false ? encoder.encode(text) : base64url(text, '$.payload'),
    notes: value.has('header') ? ['the unprotected header is not covered'] : []
  };
}

function filledString(value, steps) {
  if (typeof value !== 'string' || !value) {
    throw new Refused('invalid-input', 'expected a string that is not empty', jsonPath(steps));
  }
  return value;
}

function asciiText(body, limits) {
  if (body.length > limits.maxBytes) {
    throw new Refused('too-large', `the token has ${body.length} bytes; at most ${limits.maxBytes} are read`, `byte ${limits.maxBytes}`);
  }
  const beyond = body.findIndex(byte => byte > 0x7f);
  if (beyond >= 0) {
    throw new Refused('invalid-input', 'a JWT is ASCII text', `byte ${beyond}`);
  }
  return trim(latin1(body));
}

function compact(text, limits) {
  const parts = text.split('.');
  if (parts.length !== 3) {
    const encrypted = parts.length === 5 ? ' and may be encrypted, which can only be hashed as raw' : '';
    throw new Refused('invalid-input', `a signed JWT has 3 parts joined by dots; this has ${parts.length}${encrypted}`);
  }
  const [protectedHeader, claims, signed] = parts;
  if (joseHeader(protectedHeader, 'header', limits).get('b64') === false) {
    throw new Refused('invalid-input', "a JWT's payload is always base64url: it has no b64 (RFC 7797 section 7)", 'header');
  }
  const payload = base64url(claims, 'payload');
  base64url(signed, 'signature');
  return {signed: encoder.encode(text), payload, notes: []};
}

function joseHeader(text, at, limits) {
  const decoded = base64url(text, at);
  let header;
  try {
    header = parseJson(decoded, limits);
  } catch (refused) {
    if (!(refused instanceof Refused)) {
      throw refused;
    }
    throw new Refused('invalid-input', `in the decoded header, ${refused.message}`, at);
  }
  const algorithm = header instanceof Map ? header.get('alg') : null;
  if (typeof algorithm !== 'string') {
    throw new Refused('invalid-input', 'a JOSE header is a JSON object with a string alg', at);
  }
  if (algorithm.toLowerCase() === 'none') {
    throw new Refused('invalid-input', 'alg is none: nobody signed this', at);
  }
  if (header.has('b64') && typeof header.get('b64') !== 'boolean') {
    throw new Refused('invalid-input', 'b64 is true or false', at);
  }
  return header;
}

function base64url(text, at) {
  if (/^[A-Za-z0-9_-]+$/.test(text) && text.length % 4 !== 1) {
    const decoded = atob(text.replace(/-/g, '+').replace(/_/g, '/'));
    // Encoded again, because a decoder ignores stray bits in the last character: two texts, one value.
    if (btoa(decoded).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '') === text) {
      return Uint8Array.from(decoded, one => one.charCodeAt(0));
    }
  }
  throw new Refused('invalid-input', 'expected base64url without padding or white space, and not empty', at);
}

// Proofs (docs/proof-format.md, section 3)

const MAX_LEAVES = 2 ** 20;
const DID = /^did:[a-z0-9]+:(?:[A-Za-z0-9._:-]|%[0-9A-Fa-f]{2})*(?:[A-Za-z0-9._-]|%[0-9A-Fa-f]{2})$/;
const CHAIN = /^eip155:(0|[1-9][0-9]{0,18})$/;
const ADDRESS = /^0x[0-9a-fA-F]{40}$/;
const TIME = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$/;
const RULES = ['jcs', 'jws-json', 'jws-compact', 'sd-jwt-issuer', 'raw'];

/**
 * A proof in its JSON form: bytes, or a value that JSON.parse gave. Hashes become bytes, times stay text.
 *
 * Throws Refused with slug `proof-malformed` and the JSON path of the member.
 */
export function readProof(given) {
  const proof = new Members(given instanceof Uint8Array ? parseProof(given) : asMaps(given), '$');
  proof.oneOf('type', [ANCHOR_PROOF]);
  proof.integer('version', 1, 1);
  const treeSize = proof.integer('treeSize', 1, MAX_LEAVES);
  return {
    issuer: proof.did('issuer'),
    digest: proof.bytes('digest', 32),
    salt: proof.bytes('salt', 16),
    canonicalization: proof.value.get('canonicalization') == null ? null : proof.oneOf('canonicalization', RULES),
    leafIndex: proof.integer('leafIndex', 0, treeSize - 1),
    treeSize,
    path: proof.hashes('path', Math.ceil(Math.log2(treeSize))),
    root: proof.bytes('root', 32),
    anchor: readAnchor(proof.object('anchor'))
  };
}

function readAnchor(anchor) {
  anchor.oneOf('type', ['AnchorRegistry']);
  return {
    ledger: anchor.matching('ledger', CHAIN, 'expected eip155:<chain id>'),
    contract: anchor.matching('contract', ADDRESS, 'an address must be 0x and 40 hexadecimal digits').toLowerCase(),
    transaction: anchor.bytes('transaction', 32),
    blockHash: anchor.bytes('blockHash', 32),
    sequence: anchor.integer('sequence'),
    blockNumber: anchor.integer('blockNumber'),
    anchoredAt: anchor.time('anchoredAt'),
    state: anchor.oneOf('state', ['confirmed', 'final'])
  };
}

function parseProof(bytes) {
  try {
    return parseJson(bytes);
  } catch (refused) {
    throw refused instanceof Refused ? malformed(refused.reason, refused.at) : refused;
  }
}

function malformed(message, at) {
  return new Refused('proof-malformed', message, at);
}

/** What JSON.parse gave, with Maps for objects. */
function asMaps(value) {
  if (Array.isArray(value)) {
    return value.map(asMaps);
  }
  return value !== null && typeof value === 'object'
    ? new Map(Object.entries(value).map(([name, inner]) => [name, asMaps(inner)])) : value;
}

/** Typed access to the members of one object; each error names the member's JSON path. */
class Members {
  constructor(value, at) {
    if (!(value instanceof Map)) {
      throw malformed('must be an object', at);
    }
    this.value = value;
    this.at = at;
  }

  object(name) {
    return new Members(this.value.get(name), `${this.at}.${name}`);
  }

  text(name) {
    return stringAt(this.value.get(name), `${this.at}.${name}`);
  }

  matching(name, expression, message) {
    const text = this.text(name);
    if (!expression.test(text)) {
      throw malformed(message, `${this.at}.${name}`);
    }
    return text;
  }

  did(name) {
    const text = this.text(name);
    if (text.length > 512 || !DID.test(text)) {
      throw malformed('not a DID of at most 512 characters; expected did:<method>:<identifier>', `${this.at}.${name}`);
    }
    return text;
  }

  oneOf(name, allowed) {
    const value = this.value.get(name);
    if (!allowed.includes(value)) {
      throw malformed(`must be ${allowed.join(' or ')}`, `${this.at}.${name}`);
    }
    return value;
  }

  integer(name, least = 0, most = Number.MAX_SAFE_INTEGER) {
    const value = this.value.get(name);
    if (!Number.isInteger(value) || value < least || value > most) {
      throw malformed(`must be an integer from ${least} to ${most}`, `${this.at}.${name}`);
    }
    return value;
  }

  bytes(name, size) {
    return bytesAt(this.value.get(name), size, `${this.at}.${name}`);
  }

  hashes(name, most) {
    const value = this.value.get(name), at = `${this.at}.${name}`;
    if (!Array.isArray(value) || value.length > most) {
      throw malformed(`must be an array of at most ${most} hashes`, at);
    }
    return value.map((one, i) => bytesAt(one, 32, `${at}[${i}]`));
  }

  time(name) {
    const text = this.matching(name, TIME, 'must be a UTC time such as 2026-11-23T12:00:00Z');
    const moment = new Date(text);
    // Written again, because dates that are none, such as February 30, may be taken for others.
    if (text < '0001' || Number.isNaN(moment.getTime()) || moment.toISOString() !== text.replace('Z', '.000Z')) {
      throw malformed('must be a UTC time such as 2026-11-23T12:00:00Z', `${this.at}.${name}`);
    }
    return text;
  }
}

function stringAt(value, at) {
  if (typeof value !== 'string') {
    throw malformed('must be a string', at);
  }
  return value;
}

function bytesAt(value, size, at) {
  const text = stringAt(value, at);
  if (!/^(?:0x)?(?:[0-9a-fA-F]{2})+$/.test(text) || fromHex(text).length !== size) {
    throw malformed(`must be ${2 * size} hexadecimal digits, with or without 0x`, at);
  }
  return fromHex(text);
}

// Leaf and path (docs/proof-format.md, sections 2 and 4)

/** SHA-256 of the issuer's DID. */
export async function issuerId(did) {
  return sha256(encoder.encode(did));
}

/** Always computed, never read: a leaf taken on trust could be an inner node. */
export async function leafHash(proof) {
  return sha256(Uint8Array.of(0), await issuerId(proof.issuer), proof.salt, proof.digest);
}

/** Why the path does not lead from the digest to the root; null when it does. */
export async function faultOfPath(proof) {
  let node = await leafHash(proof), index = proof.leafIndex, last = proof.treeSize - 1, used = 0;
  while (last > 0) {
    const isRight = index % 2 === 1;
    if (isRight || index < last) {
      if (used === proof.path.length) {
        return `leaf ${proof.leafIndex} of ${proof.treeSize} has a longer path than the ${used} hashes of the proof`;
      }
      const sibling = proof.path[used];
      used += 1;
      node = isRight ? await sha256(sibling, node) : await sha256(node, sibling);
    }
    index = Math.floor(index / 2);
    last = Math.floor(last / 2);
  }
  if (used < proof.path.length) {
    return `leaf ${proof.leafIndex} of ${proof.treeSize} has a path of ${used} hashes, the proof has ${proof.path.length}`;
  }
  return equal(node, proof.root) ? null : `the path leads to root ${toHex(node)}, the proof says ${toHex(proof.root)}`;
}

// Status lists (docs/status.md)

const PURPOSES = ['revocation', 'suspension'];
export const MIN_ENTRIES = 131_072, MAX_ENTRIES = 2 ** 20;

/** Id of the list that follows from a batch. `purpose`: `revocation` or `suspension`. */
export async function batchListId(root, did, purpose) {
  return sha256(encoder.encode('credanchor-batch-list-v1'), root, await issuerId(did), Uint8Array.of(PURPOSES.indexOf(purpose)));
}

/** What the ledger holds of one version of a list. `bits`: the list's bytes, first entry in the most significant bit. */
export async function headDigest(listId, version, bits) {
  return sha256(encoder.encode('credanchor-bits-v1'), listId, uint64(version), uint64(8 * bits.length), bits);
}

/** The bits of `encodedList` of a Bitstring Status List. Throws Refused. */
export async function decodeBitstring(encodedList) {
  if (encodedList[0] !== 'u') {
    throw new Refused('status-list-invalid', 'an encodedList begins with u, for base64url');
  }
  const stream = new Blob([base64url(encodedList.slice(1), 'encodedList')]).stream().pipeThrough(new DecompressionStream('gzip'));
  const reader = stream.getReader();
  const parts = [];
  let size = 0;
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      parts.push(next.value);
      size += next.value.length;
      if (8 * size > MAX_ENTRIES) {
        throw new Refused('status-list-invalid', `the list has more than ${MAX_ENTRIES} entries`);
      }
    }
  } catch (failed) {
    throw failed instanceof Refused ? failed : new Refused('status-list-invalid', 'the list is not gzip');
  } finally {
    reader.cancel().catch(() => {});
  }
  if (8 * size < MIN_ENTRIES) {
    throw new Refused('status-list-invalid', `the list has fewer than ${MIN_ENTRIES} entries`);
  }
  return concat(...parts);
}

/** Whether the bit of an entry is set. */
export function isSet(bits, index) {
  if (!Number.isInteger(index) || index < 0 || index >= 8 * bits.length) {
    throw new Refused('status-list-invalid', `index ${index} is not in a list of ${8 * bits.length} entries`);
  }
  return (bits[index >> 3] >> (7 - (index & 7)) & 1) === 1;
}

// The ledger: only the contract that the caller pinned counts

const ANCHOR_OF = 'cf4ff901', STATUS_LIST_OF = 'e3432160'; // the first four bytes of Keccak-256 of anchorOf(bytes32), statusListOf(bytes32)
const ROOT_ANCHORED = '0x2c5d3b111a2e93670091e23c70b548cf8dc67ad27e6d5560feffbb5c76cdbb8d';
const NODE_TIMEOUT_MS = 15_000;

/** A node that does not answer, or answers with something else, is evidence of nothing. */
class NoEvidence extends Error {}

class Node {
  constructor(url, fetcher) {
    this.url = url;
    this.fetch = fetcher;
  }

  async call(method, ...params) {
    try {
      const response = await this.fetch(this.url, {
        method: 'POST',
        headers: {'Content-Type': 'application/json'},
        body: JSON.stringify({jsonrpc: '2.0', id: 1, method, params}),
        signal: AbortSignal.timeout(NODE_TIMEOUT_MS)
      });
      const answer = await response.json();
      if (answer.error || answer.result === undefined) {
        throw new Error(String(answer.error?.message ?? 'no result').slice(0, 200));
      }
      return answer.result;
    } catch (failed) {
      throw new NoEvidence(`the node did not answer ${method}: ${failed.message}`);
    }
  }

  async block(numberOrTag) {
    const block = await this.call('eth_getBlockByNumber', numberOrTag, false);
    if (block === null) {
      throw new NoEvidence(`the node shows no block ${numberOrTag}`);
    }
    return {number: quantity(block.number), hash: hash32(block.hash)};
  }

  /** Words of 32 bytes that a function answers with, as of one block. */
  async ask(registry, calldata, words, at) {
    const answer = await this.call('eth_call', {to: registry.contract, data: `0x${calldata}`}, {blockHash: at.hash, requireCanonical: true});
    if (typeof answer !== 'string' || !new RegExp(`^0x[0-9a-f]{${64 * words}}$`, 'i').test(answer)) {
      throw new NoEvidence(`${registry.text} answered with something else: is it the contract?`);
    }
    return Array.from({length: words}, (_, i) => BigInt(`0x${answer.slice(2 + 64 * i, 66 + 64 * i)}`));
  }
}

function quantity(text) {
  if (typeof text !== 'string' || !/^0x[0-9a-f]{1,13}$/i.test(text)) {
    throw new NoEvidence('the node answered with something that is no number');
  }
  return Number(text);
}

function hash32(text) {
  if (typeof text !== 'string' || !/^0x[0-9a-f]{64}$/i.test(text)) {
    throw new NoEvidence('the node answered with something that is no hash');
  }
  return text.toLowerCase();
}

function parseRegistry(text) {
  const match = /^(eip155:(0|[1-9][0-9]{0,18})):(0x[0-9a-fA-F]{40})$/.exec(text);
  if (!match) {
    throw new Refused('invalid-input', 'expected eip155:<chain id>:<contract address>', 'registry');
  }
  const contract = match[3].toLowerCase();
  return {ledger: match[1], chainId: BigInt(match[2]), contract, text: `${match[1]}:${contract}`};
}

function parseFinality(text) {
  if (text !== 'finalized' && text !== 'safe' && !/^depth:(0|[1-9][0-9]{0,5})$/.test(text)) {
    throw new Refused('invalid-input', 'this is no finality rule; expected finalized, safe or depth:<blocks>', 'finality');
  }
  return text;
}

/** What the ledger says of a root: {head, anchor or null, canonical, finalHeight or why not}. */
async function gatherEvidence(node, registry, root, finality) {
  if (BigInt(await node.call('eth_chainId')) !== registry.chainId) {
    throw new NoEvidence(`the node is on another chain than ${registry.text}`);
  }
  const head = await node.block('latest');
  const [sequence, timestamp, blockNumber, leafCount] = await node.ask(registry, ANCHOR_OF + toHex(root).slice(2), 4, head);
  const evidence = {head, anchor: null, canonical: null, ...await finalHeight(node, head, finality)};
  if (sequence === 0n) {
    return evidence;
  }
  const number = Number(blockNumber), hex = `0x${number.toString(16)}`;
  const query = {address: registry.contract, topics: [ROOT_ANCHORED, toHex(root)], fromBlock: hex, toBlock: hex};
  const logs = await node.call('eth_getLogs', query);
  const log = Array.isArray(logs) && logs.find(one => one.address?.toLowerCase() === registry.contract && BigInt(one.topics?.[2] ?? 0) === sequence);
  if (!log) {
    throw new NoEvidence(`the node holds root ${toHex(root)} and does not show its event`);
  }
  evidence.anchor = {
    sequence: Number(sequence),
    leafCount: Number(leafCount),
    blockNumber: number,
    transaction: hash32(log.transactionHash),
    anchoredBy: `0x${String(log.topics[3]).slice(-40).toLowerCase()}`,
    anchoredAt: new Date(1000 * Number(timestamp)).toISOString().replace('.000Z', 'Z')
  };
  evidence.canonical = (await node.block(hex)).hash;
  return evidence;
}

async function finalHeight(node, head, finality) {
  if (finality.startsWith('depth:')) {
    return {finalHeight: head.number - Number(finality.slice('depth:'.length)), finality};
  }
  try {
    return {finalHeight: (await node.block(finality)).number, finality};
  } catch (failed) {
    return {finalHeight: null, finality: whyNoEvidence(failed)};
  }
}

function whyNoEvidence(failed) {
  if (failed instanceof NoEvidence) {
    return failed.message;
  }
  throw failed;
}

// The checks (docs/verification.md, section 2)

/**
 * Make every check of a credential and its proof.
 *
 * `credential`: bytes of the file as its holder has it, or null. `proof`: bytes, or a value that JSON.parse gave. `registry`: the
 * contract you trust, `eip155:<chain id>:<address>`, never taken from the proof. `rpcUrl`: a node of that ledger. `finality`:
 * `finalized`, `safe` or `depth:<blocks>`.
 *
 * Answers {outcome, checks: [{check, outcome, reason}]}; throws Refused for what is no proof, and for arguments that cannot be used.
 */
export async function verify(
  credential, proof, {registry = null, rpcUrl = null, finality = 'finalized', required = REQUIRED, fetch = globalThis.fetch} = {}
) {
  const read = readProof(proof), pinned = registry === null ? null : parseRegistry(registry), rule = parseFinality(finality);
  let evidence = null, node = null, why = pinned === null ? 'no contract is pinned: give registry' : 'no node was asked: give rpcUrl';
  if (pinned !== null && rpcUrl !== null) {
    node = new Node(rpcUrl, fetch);
    try {
      evidence = await gatherEvidence(node, pinned, read.root, rule);
    } catch (failed) {
      why = whyNoEvidence(failed);
    }
  }
  const checks = [
    await checkDigest(read, credential),
    await checkPath(read),
    checkRegistry(read, pinned),
    checkRoot(read, pinned, evidence, why),
    checkFinality(evidence, why),
    checkIssuer(read, credential),
    told('credential-signature', CANNOT_TELL, "the credential's own signature was not checked"),
    told('accreditation', CANNOT_TELL, "the issuer's accreditation was not checked"),
    await checkStatus(read, credential, node, pinned, evidence, why)
  ];
  return {outcome: worst(checks.filter(one => required.includes(one.check))), checks};
}

function told(check, outcome, reason) {
  return {check, outcome, reason};
}

function worst(checks) {
  const found = new Set(checks.map(one => one.outcome));
  return [FAILED, CANNOT_TELL].find(outcome => found.has(outcome)) ?? PASSED;
}

async function checkDigest(proof, credential) {
  if (credential === null) {
    return told('digest', CANNOT_TELL, 'no credential was given, so the proof was not compared with one');
  }
  const forms = await canonicalCandidates(credential, proof.canonicalization);
  const same = forms.find(form => equal(form.digest, proof.digest));
  if (same) {
    return told('digest', PASSED, [`the credential has the proof's digest under ${same.canonicalization}`, ...same.notes].join('; '));
  }
  const tried = forms.map(form => `${toHex(form.digest)} (${form.canonicalization})`).join(', ') || 'none, the file has no digest';
  return told('digest', FAILED, `the proof is of ${toHex(proof.digest)}; the credential has ${tried}`);
}

async function checkPath(proof) {
  const fault = await faultOfPath(proof);
  const place = `leaf ${proof.leafIndex} of ${proof.treeSize}`;
  return fault === null
    ? told('path', PASSED, `issuer, salt and digest are ${place} under root ${toHex(proof.root)}`) : told('path', FAILED, fault);
}

function checkRegistry(proof, pinned) {
  const named = `${proof.anchor.ledger}:${proof.anchor.contract}`;
  if (pinned === null) {
    return told('registry', CANNOT_TELL, `the proof names ${named}, and anyone can deploy such a contract: pin the one you trust`);
  }
  return named === pinned.text
    ? told('registry', PASSED, `the proof names the pinned contract ${named}`)
    : told('registry', FAILED, `the proof names ${named}, the pinned contract is ${pinned.text}`);
}

function checkRoot(proof, pinned, evidence, why) {
  if (evidence === null) {
    return told('root', CANNOT_TELL, why);
  }
  const {anchor, head} = evidence, claim = proof.anchor;
  if (anchor === null) {
    return head.number < claim.blockNumber
      ? told('root', CANNOT_TELL, `the node has not come to block ${claim.blockNumber} yet: ask again, or another node`)
      : told('root', FAILED, `root ${toHex(proof.root)} is not anchored at ${pinned.text} as of block ${head.number}`);
  }
  if (anchor.leafCount !== 0 && anchor.leafCount !== proof.treeSize) {
    return told('root', FAILED, `the root was anchored for ${anchor.leafCount} leaves, the proof is of ${proof.treeSize}`);
  }
  const pairs = [
    ['sequence', claim.sequence, anchor.sequence],
    ['transaction', toHex(claim.transaction), anchor.transaction],
    ['block', claim.blockNumber, anchor.blockNumber],
    ['block hash', toHex(claim.blockHash), evidence.canonical],
    ['time', claim.anchoredAt, anchor.anchoredAt]
  ];
  const differences = pairs.filter(([, claimed, found]) => claimed !== found).map(([what, claimed, found]) => `${what} is ${found}, not ${claimed}`);
  if (differences.length) {
    return told('root', FAILED, `the ledger differs from the proof: ${differences.join('; ')}`);
  }
  const stated = anchor.leafCount ? '' : '; the ledger does not state the leaf count, it was taken from the proof';
  return told('root', PASSED, `anchored by ${anchor.anchoredBy} in block ${anchor.blockNumber} at ${anchor.anchoredAt}${stated}`);
}

function checkFinality(evidence, why) {
  if (evidence === null) {
    return told('finality', CANNOT_TELL, why);
  }
  if (evidence.anchor === null) {
    return told('finality', CANNOT_TELL, 'the root is not anchored');
  }
  if (evidence.finalHeight === null) {
    return told('finality', CANNOT_TELL, evidence.finality);
  }
  const block = evidence.anchor.blockNumber;
  return block > evidence.finalHeight
    ? told('finality', CANNOT_TELL, `block ${block} is not final yet by the rule ${evidence.finality}: try again later`)
    : told('finality', PASSED, `block ${block} is final by the rule ${evidence.finality}`);
}

/** The members of a credential as it is signed, unverified; null for files that say nothing that can be read. */
function claimsOf(body) {
  const content = contentOf(body);
  if (content === OTHER) {
    return null;
  }
  const value = content === JSON_OBJECT
    ? parseJson(body) : parseJson((content === JWT ? readCompact : readSdJwt)(body, LIMITS).payload);
  const claims = value instanceof Map && content === JSON_OBJECT && isJsonJws(value) ? parseJson(readJsonJws(value, LIMITS).payload) : value;
  if (!(claims instanceof Map)) {
    throw new Refused('invalid-input', 'expected an object', '$');
  }
  return claims;
}

/** The claims, or null where the file cannot be read. */
function readableClaims(body) {
  try {
    return claimsOf(body);
  } catch (refused) {
    if (refused instanceof Refused) {
      return null;
    }
    throw refused;
  }
}

function checkIssuer(proof, credential) {
  if (credential === null) {
    return told('issuer-match', CANNOT_TELL, 'no credential was given');
  }
  const claims = readableClaims(credential), named = new Map();
  for (const [place, holder, name] of [['iss', claims, 'iss'], ['issuer', claims, 'issuer'], ['vc.issuer', claims?.get('vc'), 'issuer']]) {
    if (!(holder instanceof Map) || !holder.has(name)) {
      continue;
    }
    let value = holder.get(name);
    if (value instanceof Map) {
      if (!value.has('id')) {
        continue;
      }
      value = value.get('id');
    }
    if (typeof value !== 'string') {
      return told('issuer-match', FAILED, `${place}: an issuer is a string, or an object with a string id`);
    }
    named.set(place, value);
  }
  const [claimed, ...others] = new Set(named.values());
  if (others.length) {
    return told('issuer-match', FAILED, `${[...named.keys()].join(', ')}: the credential names different issuers`);
  }
  if (claimed === undefined) {
    return told('issuer-match', CANNOT_TELL, 'the file names no issuer that can be read');
  }
  if (claimed === proof.issuer) {
    return told('issuer-match', PASSED, `the credential names ${claimed} as its issuer, and so does the proof`);
  }
  if (!/^[A-Za-z][A-Za-z0-9+.-]*:/.test(claimed) || claimed.toLowerCase().startsWith('urn:epass:')) {
    return told('issuer-match', CANNOT_TELL, `the credential names its issuer ${claimed}, a name with no meaning outside it`);
  }
  return told('issuer-match', FAILED, `the credential names ${claimed}, it was anchored by ${proof.issuer}`);
}

/** Passed only where the ledger alone shows that nothing of the batch was ever revoked or suspended. Lists are not got here. */
async function checkStatus(proof, credential, node, pinned, evidence, why) {
  if (evidence === null) {
    return told('status', CANNOT_TELL, why);
  }
  if (evidence.anchor === null) {
    return told('status', CANNOT_TELL, 'the root is not anchored');
  }
  if (await faultOfPath(proof) !== null || evidence.anchor.leafCount !== proof.treeSize) {
    return told('status', CANNOT_TELL, "the proof's place in the batch is not known: its path, or its number of leaves, does not hold");
  }
  if (credential === null) {
    return told('status', CANNOT_TELL, 'no credential was given, so it is not known which lists it names');
  }
  const claims = readableClaims(credential), envelope = claims?.get('vc');
  if (claims?.has('credentialStatus') || claims?.has('status') || (envelope instanceof Map && envelope.has('credentialStatus'))) {
    return told('status', CANNOT_TELL, 'the credential names status lists, which are not got here');
  }
  try {
    for (const purpose of PURPOSES) {
      const id = await batchListId(proof.root, proof.issuer, purpose);
      const [version] = await node.ask(pinned, STATUS_LIST_OF + toHex(id).slice(2), 3, evidence.head);
      if (version !== 0n) {
        return told('status', CANNOT_TELL, `something in the ${purpose} list that follows from the batch was changed, and it is not got here`);
      }
    }
  } catch (failed) {
    return told('status', CANNOT_TELL, whyNoEvidence(failed));
  }
  return told('status', PASSED, 'nothing in the lists that follow from the batch was ever changed');
}
