/**
 * A verifier of anchored credentials: one ES module, for browsers and Node 20 or newer. The modules beside it are loaded when needed.
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

/** The refusal that was caught; anything else is a fault of ours. */
function asRefused(caught) {
  if (caught instanceof Refused) {
    return caught;
  }
  throw caught;
}

// Bytes

const encoder = new TextEncoder();

/** Lower-case hexadecimal with `0x`. */
export function toHex(bytes) {
  return '0x' + Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('');
}

/** Bytes of hexadecimal digits, with or without `0x`. The digits were checked before. */
export function fromHex(text) {
  const digits = text.startsWith('0x') ? text.slice(2) : text;
  return Uint8Array.from({length: digits.length / 2}, (_, i) => parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}

export function concat(...parts) {
  const joined = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

export async function sha256(...parts) {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', concat(...parts)));
}

function uint64(value) {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

export function equal(one, other) {
  return one.length === other.length && one.every((byte, i) => byte === other[i]);
}

/** One character for each byte, for regular expressions. */
export function latin1(bytes) {
  let text = '';
  for (let at = 0; at < bytes.length; at += 8192) {
    text += String.fromCharCode.apply(null, bytes.subarray(at, at + 8192)); // a spread takes far longer
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
  const bare = withoutEnd(digits, '0');
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
      path += /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? `.${name}` : `[${ascii(name)}]`;
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

const SPACES = [0x20, 0x09, 0x0d, 0x0a];
const PADDING = new Set([0x00, ...SPACES]), BEFORE = new Set([...PADDING, 0xef, 0xbb, 0xbf, 0xff, 0xfe]), SPACING = new Set(SPACES);
const TOKEN_BYTES = new Set(encoder.encode('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+/=.~-'));
const TOKEN = /^([A-Za-z0-9_+/-]+)=*\.[A-Za-z0-9_+/=-]*\.[A-Za-z0-9_+/=-]*(~[A-Za-z0-9_+/=.~-]*)?$/;

/** What a file is meant as, by its first and last characters; generous. A PDF counts as other: both are raw. */
function contentOf(body) {
  // Byte by byte as far as needed: of a large file most is not looked at.
  if (body[lastNot(body, PADDING)] === 0x7d) {
    const opening = firstNot(body, BEFORE, 0), inside = firstNot(body, PADDING, opening + 1);
    if (body[opening] === 0x7b && (body[inside] === 0x22 || body[inside] === 0x7d)) {
      return JSON_OBJECT;
    }
  }
  const start = firstNot(body, SPACING, 0), end = lastNot(body, SPACING) + 1;
  if (firstNot(body, TOKEN_BYTES, start) < end) {
    return OTHER;
  }
  const token = TOKEN.exec(latin1(body.subarray(start, end)));
  if (token && isJsonObjectInBase64(token[1])) {
    return token[2] ? SD_JWT : JWT;
  }
  return OTHER;
}

function firstNot(body, bytes, from) {
  let at = from;
  while (at < body.length && bytes.has(body[at])) {
    at += 1;
  }
  return at;
}

function lastNot(body, bytes) {
  let at = body.length - 1;
  while (at >= 0 && bytes.has(body[at])) {
    at -= 1;
  }
  return at;
}

function trim(text) {
  return withoutEnd(text.replace(/^[ \t\r\n]+/, ''), ' \t\r\n');
}

/** Without these characters at its end. A regular expression looks at each run of them in a text anew from each of its places. */
export function withoutEnd(text, characters) {
  let end = text.length;
  while (end && characters.includes(text[end - 1])) {
    end -= 1;
  }
  return text.slice(0, end);
}

/** Not as strictly as it will be read: what looks like a token is not to be hashed as something else unnoticed. */
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
  const content = text ? fromBase64url(text) : null;
  if (content === null) {
    throw new Refused('invalid-input', 'expected base64url without padding or white space, and not empty', at);
  }
  return content;
}

/** Bytes of base64url without padding (RFC 4648 section 5); null for every text but the one that stands for some bytes. */
function fromBase64url(text) {
  if (/[^A-Za-z0-9_-]/.test(text) || text.length % 4 === 1) {
    return null;
  }
  const content = Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), one => one.charCodeAt(0));
  return toBase64url(content) === text ? content : null; // a decoder ignores stray bits in the last character
}

function toBase64url(content) {
  return btoa(latin1(content)).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

// Proofs (docs/proof-format.md, section 3)

const MAX_LEAVES = 2 ** 20;
const DID = /^did:[a-z0-9]+:(?:[A-Za-z0-9._:-]|%[0-9A-Fa-f]{2})*(?:[A-Za-z0-9._-]|%[0-9A-Fa-f]{2})$/;
const CHAIN = /^eip155:(0|[1-9][0-9]{0,18})$/;
const ADDRESS = /^0x[0-9a-fA-F]{40}$/;
const TIME = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$/;
const RULES = ['jcs', 'jws-json', 'jws-compact', 'sd-jwt-issuer', 'raw', 'blockcerts-rdfc'];

/**
 * A proof in its JSON form: bytes, or a value that JSON.parse gave. Hashes become bytes, times stay text.
 *
 * Throws Refused with slug `proof-malformed` and the JSON path of the member.
 */
export function readProof(given) {
  return proofIn(membersOf(given));
}

function membersOf(given) {
  return new Members(given instanceof Uint8Array ? parseProof(given) : asMaps(given), '$');
}

function proofIn(proof) {
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

export function malformed(message, at) {
  return new Refused('proof-malformed', message, at);
}

/** What JSON.parse gave, with Maps for objects. */
function asMaps(value) {
  if (value instanceof Map) {
    return value;
  }
  if (Array.isArray(value)) {
    return value.map(asMaps);
  }
  return value !== null && typeof value === 'object'
    ? new Map(Object.entries(value).map(([name, inner]) => [name, asMaps(inner)])) : value;
}

export function isDid(text) {
  return typeof text === 'string' && text.length <= 512 && DID.test(text);
}

/** Typed access to the members of one object; each error names the member's JSON path. */
class Members {
  constructor(value, at) {
    if (!(present(value, at) instanceof Map)) {
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
    if (!isDid(text)) {
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
    const at = `${this.at}.${name}`, value = present(this.value.get(name), at);
    if (!Number.isInteger(value) || value < least || value > most) {
      throw malformed(least === most ? `must be ${least}` : `must be an integer from ${least} to ${most}`, at);
    }
    return value;
  }

  bytes(name, size) {
    return bytesAt(this.value.get(name), size, `${this.at}.${name}`);
  }

  hashes(name, most) {
    const at = `${this.at}.${name}`, value = present(this.value.get(name), at);
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

function present(value, at) {
  if (value === undefined) {
    throw malformed('is missing', at);
  }
  return value;
}

function stringAt(value, at) {
  if (typeof present(value, at) !== 'string') {
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

/** Whether a file is meant as a proof of this kind, whole or not. */
export function isProof(bytes) {
  return bytes.length < 2 ** 20 && contentOf(bytes) === JSON_OBJECT && isAnchorProof(parsedOrNull(bytes));
}

/**
 * The proof inside a credential, for `verify`: in JSON of several the first that is of its digest and of whom it names as its issuer, else the
 * first of its digest, else the first; in a PDF that in its field. Null when there is none.
 */
export async function embeddedProof(credential) {
  const found = await proofsInside(credential);
  const digests = found.length > 1 ? (await canonicalCandidates(credential)).map(form => toHex(form.digest).slice(2)) : [];
  const ours = found.filter(one => digests.includes(String(one.get('digest')).toLowerCase().replace('0x', '')));
  const named = ours.length > 1 ? claimedIssuer(credential).claimed : undefined;
  return ours.find(one => one.get('issuer') === named) ?? ours[0] ?? found[0] ?? null;
}

/** Every proof inside a credential, unread; of a PDF the one in its field. */
export async function proofsInside(credential) {
  if (contentOf(credential) === OTHER && isPdf(credential)) {
    const {proofInPdf} = await import('./pdf.js');
    return [proofInPdf(credential)].filter(isAnchorProof);
  }
  return embeddedProofs(credential);
}

/**
 * Whether a proof, as `readProof` gave it, is of this file and leads to its root, whoever made it: nobody is asked. `forms`: of
 * canonicalCandidates. What was added behind the part of a PDF that it is of does not count.
 */
export async function isProofOf(proof, credential, forms) {
  const {forms: all} = forms.some(isOf(proof)) ? {forms} : await formsFor(proof, credential, forms);
  return all.some(isOf(proof)) && await faultOfPath(proof) === null;
}

/** The anchor proofs in a JSON credential, unread. */
function embeddedProofs(credential) {
  const proofs = contentOf(credential) === JSON_OBJECT ? parsedOrNull(credential)?.get('proof') : null;
  return Array.isArray(proofs) ? proofs.filter(isAnchorProof) : [];
}

const MEMBERS_OF_PROOF = [
  [[], 'type version issuer digest salt canonicalization leafIndex treeSize path root anchor bundle'],
  [['anchor'], 'type ledger contract sequence transaction blockNumber blockHash anchoredAt state'],
  [['bundle'], 'type version header transactionIndex receipt state'],
  [['bundle', 'state'], 'account storage']
].map(([steps, names]) => [steps, names.split(' ')]);

/** What stands inside a file as an anchor proof must be one, without any other member. Throws StatusListError. */
export async function requireProofAlone(value) {
  try {
    const members = membersOf(value);
    proofIn(members);
    if (value.get('bundle') != null) {
      const {readBundle} = await import('./bundle.js');
      readBundle(members.object('bundle'));
    }
  } catch (wrong) {
    const {at} = asRefused(wrong), version = value instanceof Map ? value.get('version') : null;
    const isLater = Number.isInteger(version) && version > 1;
    throw (isLater ? untold : unverified)(`what stands inside as an anchor proof is none that is read here, because of ${at}`);
  }
  for (const [steps, known] of MEMBERS_OF_PROOF) {
    const found = steps.reduce((object, step) => object?.get(step), value);
    const unknown = found ? [...found.keys()].find(name => !known.includes(name)) : undefined;
    if (unknown !== undefined) {
      throw unverified(`an anchor proof inside has a member that proofs have not: ${jsonPath([...steps, unknown])}`);
    }
  }
}

function parsedOrNull(bytes) {
  try {
    const value = parseJson(bytes);
    return value instanceof Map ? value : null;
  } catch (refused) {
    asRefused(refused);
    return null;
  }
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

// Codes of Bitstring Status List 1.0, section 3.2
const RETRIEVAL = 'STATUS_RETRIEVAL_ERROR', VERIFICATION = 'STATUS_VERIFICATION_ERROR', LENGTH = 'STATUS_LIST_LENGTH_ERROR',
  RANGE = 'RANGE_ERROR', MALFORMED = 'MALFORMED_VALUE_ERROR';

/** A list, or an entry that points into one, cannot be relied on. `code`: of Bitstring Status List 1.0. */
export class StatusListError extends Refused {
  constructor(code, message) {
    super('status-list-invalid', message);
    this.code = code;
  }
}

const unreadable = message => new StatusListError(MALFORMED, message);
const unverified = message => new StatusListError(VERIFICATION, message);

/** Nobody can tell: what it takes is out of reach, or is not read here. */
const untold = message => new StatusListError(RETRIEVAL, message);

/** Id of the list that follows from a batch. `purpose`: `revocation` or `suspension`. */
export async function batchListId(root, did, purpose) {
  return sha256(encoder.encode('credanchor-batch-list-v1'), root, await issuerId(did), Uint8Array.of(PURPOSES.indexOf(purpose)));
}

/** What the ledger holds of one version of a list. `bits`: the list's bytes, first entry in the most significant bit. */
export async function headDigest(listId, version, bits) {
  return sha256(encoder.encode('credanchor-bits-v1'), listId, uint64(version), uint64(8 * bits.length), bits);
}

/** Whether the bit of an entry is set. */
export function isSet(bits, index) {
  if (!Number.isInteger(index) || index < 0 || index >= 8 * bits.length) {
    throw new StatusListError(RANGE, `index ${index} is not in a list of ${8 * bits.length} entries`);
  }
  return (bits[index >> 3] >> (7 - (index & 7)) & 1) === 1;
}

/** The bits of `encodedList` of a Bitstring Status List. Throws StatusListError. */
export async function decodeBitstring(encodedList) {
  if (encodedList[0] !== 'u') {
    throw unreadable('an encodedList begins with u, for base64url');
  }
  return asBits(await inflated(listFromBase64url(encodedList.slice(1)), 'gzip', MAX_ENTRIES / 8));
}

/** `encodedList` of a StatusList2021. Padding may be there or not. */
async function decodeStatusList2021(text) {
  const bare = withoutEnd(text, '=');
  if (/[-_]/.test(text) || (text !== bare && text !== bare + '='.repeat((4 - bare.length % 4) % 4))) {
    throw unreadable('the list is not base64');
  }
  return asBits(await inflated(listFromBase64url(bare.replaceAll('+', '-').replaceAll('/', '_')), 'gzip', MAX_ENTRIES / 8));
}

/** A Token Status List, whose first entry is in the least significant bits: its bits in our order, and what a set one means. */
async function decodeTokenList(size, text) {
  if (size !== 1 && size !== 2) {
    throw unreadable(`a status list with entries of ${size} bits is not read here; 1 and 2 are`);
  }
  const content = await inflated(listFromBase64url(text), 'deflate', size * MAX_ENTRIES / 8);
  if (size === 1) {
    return {bits: asBits(content.map(reversed)), purpose: 'revocation'};
  }
  if (content.length % 2 || content.some(byte => byte & 0x55)) {
    throw unreadable('a status list of 2 bits with other values than 0 and 2 is not read here');
  }
  const halved = byte => byte >> 1 & 1 | byte >> 2 & 2 | byte >> 3 & 4 | byte >> 4 & 8;
  const bits = Uint8Array.from({length: content.length / 2}, (_, i) => reversed(halved(content[2 * i]) | halved(content[2 * i + 1]) << 4));
  return {bits: asBits(bits), purpose: 'suspension'};
}

function reversed(byte) {
  let turned = 0;
  for (let i = 0; i < 8; i += 1) {
    turned |= (byte >> i & 1) << (7 - i);
  }
  return turned;
}

function asBits(content) {
  const entries = 8 * content.length;
  if (entries < MIN_ENTRIES || entries > MAX_ENTRIES) {
    throw new StatusListError(LENGTH, `the list has ${entries} entries; ${MIN_ENTRIES} to ${MAX_ENTRIES} are read`);
  }
  return content;
}

function listFromBase64url(text) {
  if (text.length > 2 ** 19) {
    throw new StatusListError(LENGTH, `the list has ${text.length} characters; at most ${2 ** 19} are read`);
  }
  const content = fromBase64url(text);
  if (content === null) {
    throw unreadable('the list is not base64url without padding, is cut short, or has stray bits in its last character');
  }
  return content;
}

/** Decompresses up to a size. What follows the compressed list is refused here, since not every platform does. */
async function inflated(content, format, maxBytes) {
  const found = await decompressed(content, format, maxBytes);
  const cut = await decompressed(content.subarray(0, -1), format, maxBytes).then(() => false, () => true);
  const size = new DataView(content.buffer, content.byteOffset + content.length - 4).getUint32(0, true);
  if (!cut || (format === 'gzip' && size !== found.length)) {
    throw unreadable('something follows the compressed list');
  }
  return found;
}

async function decompressed(content, format, maxBytes) {
  const reader = new Blob([content]).stream().pipeThrough(new DecompressionStream(format)).getReader();
  const parts = [];
  let size = 0;
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      parts.push(next.value);
      size += next.value.length;
      if (size > maxBytes) {
        throw new StatusListError(LENGTH, `the list has more than ${MAX_ENTRIES} entries`);
      }
    }
  } catch (failed) {
    throw failed instanceof StatusListError ? failed : unreadable('the list does not decompress, or is cut short');
  } finally {
    reader.cancel().catch(() => {});
  }
  return concat(...parts);
}

// Times of others: microseconds since 1970 as BigInt, so that they compare as they do in Python

const MOMENT = /^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?(?:Z|([+-])([0-9]{2}):([0-9]{2}))$/;
const SECOND = 1_000_000n, SKEW = 60n * SECOND, HEAD_AGE = 86_400n * SECOND, FIRST_SECOND = -62_135_596_800, LAST_SECOND = 253_402_300_799;

/** Microseconds of a time with its offset; null when it is none. */
export function momentOf(text) {
  const [whole, year, month, day, hour, minute, second, fraction = '', sign, hours = 0, minutes = 0] = MOMENT.exec(text) ?? [];
  if (whole === undefined || year === '0000' || hour > 23 || minute > 59 || second > 59 || hours > 23 || minutes > 59) {
    return null;
  }
  const date = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(date.getTime()) || date.getUTCDate() !== Number(day)) {
    return null;
  }
  const offset = BigInt(60 * hours + Number(minutes)) * 60n * (sign === '-' ? -1n : 1n);
  const seconds = BigInt(date.getTime() / 1000) - offset;
  if (seconds > BigInt(LAST_SECOND) || seconds < BigInt(FIRST_SECOND)) {
    return null;
  }
  return seconds * SECOND + BigInt(fraction.slice(0, 6).padEnd(6, '0'));
}

/** The same; a time without its offset is in UTC, as Data Integrity (2.1) and the VC Data Model (4.9) take it. */
function momentOrUtc(text) {
  return momentOf(text) ?? momentOf(`${text}Z`);
}

function wholeSeconds(moment) {
  return moment - (moment % SECOND + SECOND) % SECOND;
}

/** `2026-11-23T12:00:00Z`: UTC, whole seconds. */
export function formatMoment(moment) {
  return new Date(Number(wholeSeconds(moment) / 1000n)).toISOString().replace('.000Z', 'Z');
}

// Where a credential names its status (Bitstring Status List 1.0 section 2.1, StatusList2021, Token Status List section 6)

const MAX_STATUS_ENTRIES = 16, ENTRY_TYPES = ['BitstringStatusListEntry', 'StatusList2021Entry'], HARMLESS = ['refresh', 'message'];

/** A status entry that is malformed (with its code), or of a kind that is not judged here. */
class UnreadEntry extends Error {
  constructor(at, why, code = MALFORMED) {
    super(why);
    this.at = at;
    this.code = code;
  }
}

/** Places that a credential names, and a finding for each entry that leads to none. */
async function namedPlaces(body) {
  let claims;
  try {
    claims = await shownClaims(body);
  } catch (refused) {
    if (refused instanceof StatusListError) {
      return [notTold(`the credential cannot be read: ${refused.message}`, {namedAt: '$', code: MALFORMED})];
    }
    return [notTold(`the credential cannot be read: ${asRefused(refused).message}`, {namedAt: '$', code: MALFORMED})];
  }
  if (claims === null) {
    return [];
  }
  const found = [...entriesIn(claims, []), ...entriesIn(claims.get('vc'), ['vc']), ...entriesInToken(claims, contentOf(body))];
  if (found.length > MAX_STATUS_ENTRIES) {
    return [notTold(`$: it names ${found.length} status entries; at most ${MAX_STATUS_ENTRIES} are read`, {namedAt: '$'})];
  }
  return found.map(placeOf);
}

function* entriesIn(holder, steps) {
  if (!(holder instanceof Map) || !holder.has('credentialStatus')) {
    return;
  }
  const value = holder.get('credentialStatus'), path = [...steps, 'credentialStatus'];
  for (const [at, entry] of Array.isArray(value) ? value.map((one, i) => [[...path, i], one]) : [[path, value]]) {
    yield entryOf(() => readEntry(entry, jsonPath(at)));
  }
}

function entryOf(read) {
  try {
    return read();
  } catch (unread) {
    if (unread instanceof UnreadEntry) {
      return unread;
    }
    throw unread;
  }
}

function readEntry(value, at) {
  if (!(value instanceof Map)) {
    throw new UnreadEntry(at, 'an entry is an object');
  }
  const types = value.get('type') ?? null, names = Array.isArray(types) ? types : [types];
  if (!names.every(name => typeof name === 'string')) {
    throw new UnreadEntry(`${at}.type`, 'a type is a string');
  }
  if (ENTRY_TYPES.filter(type => names.includes(type)).length !== 1) {
    throw new UnreadEntry(`${at}.type`, `status of type ${names.join(' and ')} is not known here`, null);
  }
  const purpose = entryText(value, 'statusPurpose', at), index = entryText(value, 'statusListIndex', at);
  if (!/^(?:0|[1-9][0-9]{0,14})$/.test(index)) {
    throw new UnreadEntry(`${at}.statusListIndex`, 'an index is a base-10 string of an integer from 0');
  }
  const url = entryUrl(value, 'statusListCredential', at);
  if (value.has('id') && entryUrl(value, 'id', at) === url) {
    throw new UnreadEntry(`${at}.id`, 'the id of an entry is not the URL of its list');
  }
  const size = value.has('statusSize') ? value.get('statusSize') : 1;
  if (!Number.isInteger(size) || size < 1) {
    throw new UnreadEntry(`${at}.statusSize`, 'a size is an integer above 0');
  }
  if (size > 1) {
    throw new UnreadEntry(at, `entries of ${size} bits are not judged here, only those of one bit`, null);
  }
  return {at, purpose, index: Number(index), url};
}

function* entriesInToken(claims, content) {
  const status = claims.get('status');
  if (status instanceof Map && status.has('status_list')) {
    yield entryOf(() => readTokenEntry(status.get('status_list'), '$.status.status_list'));
  } else if ((content === JWT || content === SD_JWT) && claims.has('status')) {
    const what = status instanceof Map ? `status by ${[...status.keys()].sort().join(', ') || 'nothing'}` : 'a claim status of this form';
    yield new UnreadEntry('$.status', `${what} is not known here`, null);
  }
}

function readTokenEntry(value, at) {
  if (!(value instanceof Map)) {
    throw new UnreadEntry(at, 'expected an object');
  }
  const index = value.get('idx');
  if (!Number.isInteger(index) || index < 0) {
    throw new UnreadEntry(`${at}.idx`, 'an index is an integer from 0');
  }
  return {at, purpose: null, index, url: entryUrl(value, 'uri', at)};
}

function entryText(holder, name, at) {
  const value = holder.get(name);
  if (typeof value !== 'string' || !value) {
    throw new UnreadEntry(`${at}.${name}`, 'must be a string that is not empty');
  }
  return value;
}

function entryUrl(holder, name, at) {
  const text = entryText(holder, name, at);
  if (!/^[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]*$/.test(text) || urlParts(text) === null) {
    throw new UnreadEntry(`${at}.${name}`, 'must be a URL');
  }
  return text;
}

/** Host as written, and path; null where brackets are not those of an IPv6 address. */
function urlParts(text) {
  const [, host = '', path] = /^(?:[A-Za-z][A-Za-z0-9+.-]*:)?(?:\/\/([^/?#]*))?([^?#]*)/.exec(text);
  const brackets = /^[^[\]]*\[[0-9A-Fa-f:.]+\](?::[0-9]*)?$/;
  return /[[\]]/.test(host) && !brackets.test(host) ? null : {host, path};
}

/** Id in the URL of one of our lists, whoever serves it; null in any other. */
function listIdIn(url) {
  const id = /\/v1\/status-lists\/([0-9a-f]{64})$/.exec(urlParts(url)?.path ?? '');
  return id ? fromHex(id[1]) : null;
}

function placeOf(entry) {
  if (entry instanceof UnreadEntry) {
    return notTold(`${entry.at}: ${entry.message}`, {namedAt: entry.at, code: entry.code});
  }
  const {at: namedAt, purpose, index, url} = entry;
  if (HARMLESS.includes(purpose)) {
    return finding({namedAt}, PASSED, 'clear', `${namedAt}: the purpose ${purpose} makes no credential invalid`);
  }
  if (purpose !== null && !PURPOSES.includes(purpose)) {
    return notTold(`${namedAt}: the purpose ${purpose} is not known here`, {namedAt});
  }
  return {namedAt, listId: listIdIn(url), url, purpose, index};
}

async function batchPlaces(proof) {
  return Promise.all(PURPOSES.map(async purpose => ({
    namedAt: null, listId: await batchListId(proof.root, proof.issuer, purpose), url: null, purpose, index: proof.leafIndex
  })));
}

function nameOf(place) {
  const purpose = place.purpose ? `${place.purpose} ` : '';
  return place.namedAt === null ? `the ${purpose}list that follows from the batch` : `the ${purpose}list ${place.url}`;
}

// Signed forms of a list, read strictly

const LIST_LIMITS = Object.freeze({maxBytes: 2 ** 20, maxDepth: 32, maxValues: 10_000});
const DOCUMENT_LIMITS = Object.freeze({maxBytes: 2 ** 18, maxDepth: 16, maxValues: 20_000});
const VCDM_2 = 'https://www.w3.org/ns/credentials/v2', VCDM_1 = 'https://www.w3.org/2018/credentials/v1';
const SUITES = {'eddsa-jcs-2022': ['Ed25519'], 'ecdsa-jcs-2019': ['P-256', 'P-384']};
const ALGORITHMS = {ES256: 'P-256', ES384: 'P-384', Ed25519: 'Ed25519', EdDSA: 'Ed25519'};

/** What a signed list says of itself, and `signed`: what its signature is over, to be checked by `checkSignature`. */
async function readList(content, mediaType) {
  const essence = mediaType.split(';')[0].trim().toLowerCase();
  if (essence.endsWith('json') || /^[\s]*\{/.test(latin1(content.subarray(0, 64)))) {
    const document = asList(() => parseJson(content, LIST_LIMITS), 'the list is not JSON');
    if (!(document instanceof Map)) {
      throw unreadable('the list is not a JSON object');
    }
    const found = await readBitstring(document), proof = knownProof(document.get('proof'));
    return {...withProofTimes(found, proof), signed: {document, proof}};
  }
  const token = readToken(content), typ = token.typ.toLowerCase().replace(/^application\//, '');
  const signed = {token};
  if (typ === 'statuslist+jwt') {
    return {...await readTokenList(token), signed};
  }
  if (typ === 'vc+jwt' || (!typ && essence === 'application/vc+jwt')) {
    return {...await readBitstring(token.claims), signed};
  }
  if ((typ === 'jwt' || !typ) && token.claims.has('vc')) {
    return {...await readStatusList2021(token.claims), signed};
  }
  throw unreadable(`a token of type '${token.typ}' is not a status list`);
}

function asList(read, what) {
  try {
    return read();
  } catch (refused) {
    throw unreadable(`${what}: ${asRefused(refused).message}`);
  }
}

async function readBitstring(document) {
  requireTypes(document, VCDM_2, 'BitstringStatusListCredential');
  if (document.has('vc') || document.has('vp')) {
    throw unreadable('vc and vp have no place in this form');
  }
  const subject = listObject(document.get('credentialSubject'), 'credentialSubject');
  requireSubject(subject, 'BitstringStatusList');
  const size = subject.has('statusSize') ? subject.get('statusSize') : 1;
  if (size !== true && numberOf(size) !== 1) {
    throw unreadable('a list with a statusSize other than 1 is not read here');
  }
  const validFrom = listTime(document.get('validFrom'), 'validFrom');
  if (subject.get('ttl') != null) {
    nonNegative(subject.get('ttl'), 'ttl');
  }
  return {
    url: document.get('id') == null ? null : listText(document.get('id'), 'id'),
    signer: listIssuer(document.get('issuer')),
    purposes: listPurposes(subject.get('statusPurpose')),
    bits: await decodeBitstring(listText(subject.get('encodedList'), 'encodedList')),
    signedAt: validFrom,
    validFrom,
    validUntil: listTime(document.get('validUntil'), 'validUntil')
  };
}

/** When it was signed, by its proof, and that a proof may expire before the list does. */
function withProofTimes(found, proof) {
  if (proof === null) {
    return found;
  }
  const created = listTime(proof.get('created'), 'created'), expires = listTime(proof.get('expires'), 'expires');
  const ends = [found.validUntil, expires].filter(end => end !== null);
  return {...found, signedAt: created ?? found.signedAt, validUntil: ends.reduce((one, other) => one < other ? one : other, ends[0] ?? null)};
}

/** EBSI's form. Each claim must say the same as the member it stands for. */
async function readStatusList2021(claims) {
  const document = listObject(claims.get('vc'), 'vc');
  requireTypes(document, VCDM_1, 'StatusList2021Credential');
  const subject = listObject(document.get('credentialSubject'), 'credentialSubject');
  requireSubject(subject, 'StatusList2021');
  const signer = listIssuer(document.get('issuer'));
  const either = name => isEmpty(document.get(name)) ? document.get('issuanceDate') : document.get(name);
  const issued = listTime(either('issued'), 'issued'), validFrom = listTime(either('validFrom'), 'validFrom');
  const validUntil = listTime(document.get('expirationDate'), 'expirationDate');
  const url = document.get('id') == null ? null : listText(document.get('id'), 'id');
  for (const [claim, member] of [['iss', signer], ['jti', url]]) {
    if (claims.has(claim) && claims.get(claim) !== member) {
      throw unreadable(`${claim} is not what the credential says`);
    }
  }
  for (const [claim, moment] of [['iat', issued], ['nbf', validFrom], ['exp', validUntil]]) {
    if (claims.has(claim) && (moment === null || unixTime(claims.get(claim), claim) !== wholeSeconds(moment))) {
      throw unreadable(`${claim} is not what the credential says`);
    }
  }
  const purposes = listPurposes(subject.get('statusPurpose'));
  const bits = await decodeStatusList2021(listText(subject.get('encodedList'), 'encodedList'));
  return {url, signer, purposes, bits, signedAt: issued, validFrom, validUntil};
}

function isEmpty(value) {
  const plain = numberOf(value);
  return plain == null || plain === false || plain === '' || plain === 0 || plain.size === 0 || (Array.isArray(plain) && !plain.length);
}

/** A Token Status List. `iss` may be left out, and must be whose key signed it. */
async function readTokenList({claims, kid}) {
  const members = listObject(claims.get('status_list'), 'status_list');
  if (!Number.isInteger(members.get('bits'))) {
    throw unreadable('bits is not a whole number');
  }
  const {bits, purpose} = await decodeTokenList(members.get('bits'), listText(members.get('lst'), 'lst'));
  const signedAt = unixTime(claims.get('iat'), 'iat');
  if (claims.get('ttl') != null) {
    nonNegative(claims.get('ttl'), 'ttl');
  }
  return {
    url: listText(claims.get('sub'), 'sub'),
    signer: listIssuer(claims.has('iss') ? claims.get('iss') : kid.split('#')[0]),
    purposes: [purpose],
    bits,
    signedAt,
    validFrom: claims.has('nbf') ? unixTime(claims.get('nbf'), 'nbf') : signedAt,
    validUntil: claims.has('exp') ? unixTime(claims.get('exp'), 'exp') : null
  };
}

function readToken(content) {
  const read = asList(() => {
    const token = readCompact(content, LIST_LIMITS), text = latin1(token.signed).split('.');
    return {
      header: parseJson(base64url(text[0], 'header'), LIST_LIMITS),
      claims: parseJson(token.payload, LIST_LIMITS),
      signature: base64url(text[2], 'signature'),
      signed: encoder.encode(`${text[0]}.${text[1]}`)
    };
  }, 'not a signed token');
  const {header, claims} = read;
  if (!(header instanceof Map) || !(claims instanceof Map)) {
    throw unreadable('not a signed token: header and claims are JSON objects');
  }
  const kid = header.get('kid'), algorithm = header.get('alg'), typ = header.get('typ');
  if (typeof kid !== 'string' || !Object.hasOwn(ALGORITHMS, algorithm) || header.has('crit') || header.has('b64')) {
    throw unverified(`the token names no key by kid, or asks for more than ${Object.keys(ALGORITHMS).join(', ')}`);
  }
  return {...read, kid, algorithm, typ: typeof typ === 'string' ? typ : ''};
}

/** The first Data Integrity proof of a suite known here; null when there is none. */
function knownProof(proofs) {
  const isKnown = one => one instanceof Map && one.get('type') === 'DataIntegrityProof' && Object.keys(SUITES).includes(one.get('cryptosuite'));
  return (Array.isArray(proofs) ? proofs : [proofs]).find(isKnown) ?? null;
}

function requireTypes(document, context, kind) {
  const contexts = document.get('@context'), types = document.get('type');
  if (!Array.isArray(contexts) || contexts[0] !== context) {
    throw unreadable(`@context does not begin with ${context}`);
  }
  if (!Array.isArray(types) || !types.includes('VerifiableCredential') || !types.includes(kind)) {
    throw unreadable(`type does not hold VerifiableCredential and ${kind}`);
  }
}

function requireSubject(subject, kind) {
  const type = subject.get('type');
  if (type !== kind && !(Array.isArray(type) && type.length === 1 && type[0] === kind)) {
    throw unreadable(`the type of credentialSubject is not ${kind}`);
  }
}

function listObject(value, name) {
  if (!(value instanceof Map)) {
    throw unreadable(`${name} is not an object`);
  }
  return value;
}

function listText(value, name) {
  if (typeof value !== 'string' || !value) {
    throw unreadable(`${name} is not a string, or empty`);
  }
  return value;
}

function listIssuer(value) {
  const name = listText(value instanceof Map ? value.get('id') : value, 'issuer');
  if (!isDid(name)) {
    throw unreadable('the issuer is not a DID');
  }
  return name;
}

function listPurposes(value) {
  const purposes = Array.isArray(value) ? value : [value];
  if (!purposes.length) {
    throw unreadable('statusPurpose is empty');
  }
  return purposes.map(one => listText(one, 'statusPurpose'));
}

function listTime(value, name) {
  if (value == null) {
    return null;
  }
  const moment = momentOf(listText(value, name));
  if (moment === null) {
    throw unreadable(`${name} is not a time with a zone, such as 2026-11-23T12:00:00Z`);
  }
  return moment;
}

export function numberOf(value) {
  return value instanceof Real ? value.value : value;
}

function nonNegative(value, name) {
  const number = numberOf(value);
  if (typeof number !== 'number' || number < 0) {
    throw unreadable(`${name} is not a number of 0 or more`);
  }
  return number;
}

function unixTime(value, name) {
  const number = nonNegative(value, name);
  if (number > LAST_SECOND) {
    throw unreadable(`${name} is not a number of seconds since 1970`);
  }
  return BigInt(Math.trunc(number)) * SECOND;
}

// Signatures of lists: Data Integrity over the JCS form, and tokens; Ed25519, P-256 and P-384

/** Throws StatusListError: VERIFICATION when it does not hold, RETRIEVAL when the key is out of reach or the platform lacks it. */
async function checkSignature(list, keys) {
  const {document, proof, token} = list.signed;
  const method = token ? token.kid : await checkProof(document, proof, keys);
  if (token && !await isSigned(await keys.publicKey(token.kid), [ALGORITHMS[token.algorithm]], token.signature, token.signed)) {
    throw unverified(`the signature does not hold: ${token.kid} did not sign this`);
  }
  if (method.split('#')[0] !== list.signer) {
    throw unverified(`the list is said to be of ${list.signer}, and signed with ${method}`);
  }
}

/** `signer`: how the key is called, where it is not the one that the proof names. */
async function checkProof(document, proof, keys, signer = null) {
  if (proof === null) {
    throw unverified(`there is no Data Integrity proof of a suite that is read here: ${Object.keys(SUITES).join(', ')}`);
  }
  const method = proof.get('verificationMethod'), value = proof.get('proofValue');
  if (proof.get('proofPurpose') !== 'assertionMethod' || typeof method !== 'string' || typeof value !== 'string') {
    throw unverified('the proof lacks proofPurpose assertionMethod, verificationMethod or proofValue');
  }
  const without = (map, name) => new Map([...map].filter(([each]) => each !== name)), unsecured = without(document, 'proof');
  if (proof.has('@context')) {
    const signed = contextsOf(proof);
    if (jcs(contextsOf(document).slice(0, signed.length)) !== jcs(signed)) {
      throw unverified('the @context of the document does not begin with that of the proof');
    }
    unsecured.set('@context', proof.get('@context'));
  }
  const key = await keys.publicKey(method), hashed = [];
  for (const part of [without(proof, 'proofValue'), unsecured]) {
    hashed.push(new Uint8Array(await crypto.subtle.digest(CURVES[key.curve]?.hash ?? 'SHA-256', encoder.encode(jcs(part)))));
  }
  const signed = value[0] === 'z' ? base58(value.slice(1)) : new Uint8Array();
  if (signed === null || !await isSigned(key, SUITES[proof.get('cryptosuite')], signed, concat(...hashed))) {
    throw unverified(`the proof does not hold: ${signer ?? method} did not sign this`);
  }
  return method;
}

function contextsOf(map) {
  const found = map.get('@context') ?? null;
  return Array.isArray(found) ? found : [found];
}

/** Whether the document has further contexts behind those of its proof, which hold whatever stands there. */
function goesOn(document, proof) {
  return proof.has('@context') && contextsOf(document).length > contextsOf(proof).length;
}

/** Whether the key is of one of these kinds, and made this signature: 64 bytes of Ed25519, r and s of a curve. */
async function isSigned(key, kinds, signed, content) {
  const {size, hash} = CURVES[key.curve] ?? {size: 32};
  if (!kinds.includes(key.curve) || signed.length !== 2 * size) {
    return false;
  }
  const algorithm = hash ? {name: 'ECDSA', namedCurve: key.curve, hash} : {name: 'Ed25519'};
  try {
    const imported = await crypto.subtle.importKey('raw', key.raw, algorithm, false, ['verify']);
    return await crypto.subtle.verify(algorithm, imported, signed, content);
  } catch (failed) {
    if (failed.name === 'NotSupportedError') {
      throw untold(`signatures with ${key.curve} cannot be checked on this platform`);
    }
    return false;
  }
}

const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

/** Bytes, or null when it is none. */
function base58(text) {
  if (text.length > 132 || !new RegExp(`^[${BASE58}]*$`).test(text)) {
    return null;
  }
  let number = 0n;
  for (const character of text) {
    number = 58n * number + BigInt(BASE58.indexOf(character));
  }
  const digits = number ? number.toString(16) : '';
  return concat(new Uint8Array(text.length - text.replace(/^1+/, '').length), fromHex(digits.length % 2 ? `0${digits}` : digits));
}

const NO_MULTIKEY = 'not a Multikey of Ed25519, P-256 or P-384 in base58btc', NO_JWK = 'not a public JWK of Ed25519, P-256 or P-384 for signatures by it';

/** A Multikey (Controlled Identifiers 1.0 section 2.2.2): {curve, raw}, or null. */
function fromMultikey(text) {
  const content = text[0] === 'z' ? base58(text.slice(1)) : null;
  if (content?.length === 34 && content[0] === 0xed && content[1] === 0x01) {
    return {curve: 'Ed25519', raw: content.slice(2)};
  }
  const isOf = ({code, size}) => content?.length === 3 + size && content[0] === code && content[1] === 0x24;
  const curve = Object.keys(CURVES).find(name => isOf(CURVES[name]));
  return curve ? uncompressed(curve, content.slice(2)) : null;
}

/** `code`: the first byte of its multicodec. `size`: of a coordinate, in bytes. `p` and `b`: of y² = x³ - 3x + b modulo p (FIPS 186-5). */
const CURVES = {
  'P-256': {
    code: 0x80, size: 32, hash: 'SHA-256', p: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
    b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn
  },
  'P-384': {
    code: 0x81, size: 48, hash: 'SHA-384', p: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
    b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn
  }
};

/** What y squared is at this place of a curve. */
function square({p, b}, x) {
  return ((x * x * x - 3n * x + b) % p + p) % p;
}

/** A compressed point (SEC 1 section 2.3.4), which WebCrypto does not take; null when it is not on the curve. */
function uncompressed(curve, point) {
  const {p, size} = CURVES[curve], x = BigInt(toHex(point.subarray(1))), wanted = square(CURVES[curve], x);
  let root = 1n, base = wanted, exponent = (p + 1n) / 4n;
  for (; exponent; exponent >>= 1n) {
    root = exponent & 1n ? root * base % p : root;
    base = base * base % p;
  }
  if ((point[0] !== 2 && point[0] !== 3) || x >= p || root * root % p !== wanted) {
    return null;
  }
  const y = BigInt(point[0] & 1) === (root & 1n) ? root : p - root;
  return {curve, raw: concat(Uint8Array.of(4), point.subarray(1), fromHex(y.toString(16).padStart(2 * size, '0')))};
}

function isOnCurve(curve, x, y) {
  const {p} = CURVES[curve], [one, other] = [x, y].map(each => BigInt(toHex(each)));
  return one < p && other < p && other * other % p === square(CURVES[curve], one);
}

function fromJwk(jwk) {
  if (!(jwk instanceof Map) || !isForSignatures(jwk)) {
    return null;
  }
  const curve = jwk.get('crv'), isCurve = jwk.get('kty') === 'EC' && Object.hasOwn(CURVES, curve);
  const coordinate = name => {
    const text = jwk.get(name), content = typeof text === 'string' ? fromBase64url(text) : null;
    return content?.length === (isCurve ? CURVES[curve].size : 32) ? content : null;
  };
  const x = coordinate('x'), y = coordinate('y');
  if (jwk.get('kty') === 'OKP' && curve === 'Ed25519' && x) {
    return {curve, raw: x};
  }
  return isCurve && x && y && isOnCurve(curve, x, y) ? {curve, raw: concat(Uint8Array.of(4), x, y)} : null;
}

/** Whether a JWK is public, and says of itself that it checks signatures by its own algorithm, where it says anything (RFC 7517 section 4). */
function isForSignatures(jwk) {
  const uses = jwk.has('key_ops') ? jwk.get('key_ops') : ['verify'], algorithm = jwk.get('alg');
  const isOwn = !jwk.has('alg') || (typeof algorithm === 'string' && Object.hasOwn(ALGORITHMS, algorithm) && ALGORITHMS[algorithm] === jwk.get('crv'));
  return !jwk.has('d') && (!jwk.has('use') || jwk.get('use') === 'sig') && Array.isArray(uses) && uses.includes('verify') && isOwn;
}

/** Public keys of did:key, and of did:web from its document, which is got once. `now`: when they must be in force, in microseconds. */
class Keys {
  constructor(source, now) {
    this.source = source;
    this.now = now;
    this.documents = new Map();
  }

  async publicKey(method) {
    const [did, ...fragment] = method.split('#');
    if (!fragment.length) {
      throw unverified(`${method} names no key: a DID URL with # is expected`);
    }
    if (did.startsWith('did:key:')) {
      return keyOfDidKey(method);
    }
    if (!did.startsWith('did:web:')) {
      throw untold(`the keys of ${did} cannot be looked up: did:web and did:key can`);
    }
    if (!this.documents.has(did)) {
      this.documents.set(did, this.source.document(did));
    }
    return keyInDocument(await this.documents.get(did), did, [method, `#${fragment.join('#')}`], this.now);
  }
}

/** Keys of did:key alone: nobody is asked. */
const CARRIED_KEYS = {
  async publicKey(method) {
    if (method.startsWith('did:key:')) {
      return keyOfDidKey(method);
    }
    throw untold(`the key ${method} was not looked up: that was not allowed`);
  }
};

function keyOfDidKey(method) {
  const [did, ...fragment] = method.split('#'), multikey = did.slice('did:key:'.length), key = fromMultikey(multikey);
  if (key === null) {
    throw unverified(`${did} cannot be used: ${NO_MULTIKEY}`);
  }
  if (fragment.join('#') !== multikey) {
    throw unverified(`${method} is not the key of this did:key`);
  }
  return key;
}

/** The key of a method that the document lets assert. `names`: of the method, absolute and relative. */
function keyInDocument(document, did, names, now) {
  if (!(document instanceof Map) || document.get('id') !== did) {
    throw untold(`what was found in place of the document of ${did} is another's, or none`);
  }
  const listed = name => Array.isArray(document.get(name)) ? document.get(name) : [], nameOf = one => one instanceof Map ? one.get('id') : one;
  const methods = [...listed('verificationMethod'), ...listed('assertionMethod')].filter(one => one instanceof Map && names.includes(one.get('id')));
  if (!listed('assertionMethod').some(one => names.includes(nameOf(one))) || !methods.length) {
    throw unverified(`the document of ${did} does not let ${names[0]} assert`);
  }
  if (methods.length > 1) {
    throw untold(`the document of ${did} has several keys called ${names[0]}`);
  }
  return keyOfMethod(methods[0], did, names[0], now);
}

function keyOfMethod(method, did, name, now) {
  requireInForce(method, did, name, now);
  const text = method.get('publicKeyMultibase'), isText = typeof text === 'string';
  const isJwk = isText ? method.has('publicKeyJwk') : ['JsonWebKey', 'JsonWebKey2020'].includes(method.get('type'));
  const forms = [...isText ? [[fromMultikey(text), NO_MULTIKEY]] : [], ...isJwk ? [[fromJwk(method.get('publicKeyJwk')), NO_JWK]] : []];
  const unusable = forms.find(([key]) => key === null), [[key] = [], [other] = [key]] = forms;
  if (unusable) {
    throw unverified(`the key ${name} cannot be used: ${unusable[1]}`);
  }
  if (!key) {
    throw unverified(`the key ${name} is of a type that is not read here`);
  }
  if (other.curve !== key.curve || !equal(other.raw, key.raw)) {
    throw untold(`the key ${name} is one as a Multikey and another as a JWK`);
  }
  return key;
}

/** A key counts until its owner revokes it or lets it expire: when a signature was made, nothing but its own word says. */
function requireInForce(method, did, name, now) {
  if (method.has('controller') && method.get('controller') !== did) {
    throw unverified(`the key ${name} is controlled by another than ${did}`);
  }
  for (const [member, what] of [['revoked', 'was revoked'], ['expires', 'expired']]) {
    const value = method.get(member), ended = typeof value === 'string' ? momentOf(value) : null;
    if (ended === null && method.has(member)) {
      throw unverified(`the key ${name} cannot be used: ${member}: must be a time with its offset, such as 2026-11-23T12:00:00Z`);
    }
    if (ended !== null && ended <= now) {
      throw unverified(`the key ${name} ${what} at ${formatMoment(ended)}, and nothing but the signature says that it is older`);
    }
  }
}

/** Where the document of a did:web stands: {host, path}. */
function documentPlace(did) {
  const [first, ...path] = did.slice('did:web:'.length).split(':');
  let host = first;
  try {
    host = decodeURIComponent(first);
  } catch {
    // as it is written
  }
  // A step to another folder, which only some clients take before they ask (RFC 3986 section 5.2.4), would be of another DID.
  const isNoName = one => ['', '.', '..'].includes(one.replace(/%2e/gi, '.'));
  if (!host || /[/?#@\\\u0000-\u0020\u007f]/.test([host, ...path].join('')) || path.some(isNoName) || /%2f/i.test(did)) {
    throw unverified(`${did} is not a did:web`);
  }
  return {host, path: `/${path.length ? path.join('/') : '.well-known'}/did.json`};
}

// The credential's own signature: JWT and SD-JWT, Data Integrity (docs/verification.md, `credential-signature`)
//
// A key counts if the DID that the credential names as its issuer says so, or if the verifier gave it. One that a signature brings along
// (`jwk`, `jku`, `x5u`) never does. What is signed in a way not read here, or with a key out of reach, is *cannot tell*.

const THE_GIVEN = 'the key that was given', UNDERSTOOD = ['b64', 'sigT', 'adoTst'];

/** What is known of the signature in a file: {outcome, reason}. `keys`: of DIDs. `given`: a key that counts whatever names it, or null. */
async function ownSignature(body, keys, given, now) {
  try {
    return {outcome: PASSED, reason: await signedBy(body, new KnownKinds(keys), given, now)};
  } catch (wrong) {
    if (wrong instanceof StatusListError) {
      return {outcome: wrong.code === RETRIEVAL ? CANNOT_TELL : FAILED, reason: wrong.message};
    }
    const {slug, message} = asRefused(wrong);
    return slug === 'too-large' ? {outcome: CANNOT_TELL, reason: message} : {outcome: FAILED, reason: `the signature cannot be read: ${message}`};
  }
}

async function signedBy(body, keys, given, now) {
  const content = contentOf(body);
  if (content === JWT) {
    return ownToken(readCompact(body, LIMITS), body, keys, given, now);
  }
  if (content === SD_JWT) {
    const token = readSdJwt(body, LIMITS), signer = await ownToken(token, body, keys, given, now);
    const claims = await disclosedClaims(token, body);
    requireValid(claims instanceof Map ? claims : new Map(), now);
    return [signer, ...await keyBinding(claims, body, now)].join('; ');
  }
  if (content === OTHER) {
    throw untold(isPdf(body) ? 'signatures in PDF files are not checked here' : 'the file has no signature that is read here');
  }
  const document = readInOneWay(body, 'the file');
  if (!isJsonJws(document)) {
    return ownProofs(document, body, keys, given, now);
  }
  const token = readJsonJws(document, LIMITS);
  return [await ownToken(token, body, keys, given, now), ...token.notes].join('; ');
}

/** JSON that other programs may read in other ways tells nothing of its signature, for or against. */
function readInOneWay(content, what) {
  try {
    return parseJson(content);
  } catch (refused) {
    throw untold(`${what} is no JSON that can be read in one way only: ${asRefused(refused).message}`);
  }
}

export function isPdf(body) {
  return latin1(body.subarray(0, 1024)).includes('%PDF-');
}

async function ownToken(token, body, keys, given, now) {
  const end = token.signed.lastIndexOf(0x2e), header = parseJson(decoded(latin1(token.signed.subarray(0, token.signed.indexOf(0x2e)))));
  requireUnderstood(header);
  const claims = readInOneWay(token.payload, 'what was signed');
  requireValid(claims instanceof Map ? claims : new Map(), now);
  if (header.has('x5c') && given === null) {
    throw await sealFinding(header, token.signed.subarray(0, end), decoded(latin1(token.signed.subarray(end + 1))));
  }
  const algorithm = header.get('alg');
  if (!Object.hasOwn(ALGORITHMS, algorithm)) {
    throw untold(`the algorithm ${ascii(algorithm)} is not read here; ${Object.keys(ALGORITHMS).join(', ')} are`);
  }
  const method = given === null ? methodOf(header, body) : THE_GIVEN, key = given ?? await keys.publicKey(method);
  if (key.curve !== ALGORITHMS[algorithm]) {
    throw unverified(`the algorithm ${algorithm} does not go with ${method}`);
  }
  if (!await isSigned(key, [key.curve], decoded(latin1(token.signed.subarray(end + 1))), token.signed.subarray(0, end))) {
    throw unverified(`the signature does not hold: ${method} did not sign this`);
  }
  return `signed with ${method}`;
}

/** What is known of a seal (RFC 7515 section 4.1.6), as an error. Never that it passes: whose certificate it is, its chain would show. */
async function sealFinding(header, signed, signature) {
  const [first] = [header.get('x5c')].flat(), isText = typeof first === 'string';
  const der = isText ? fromBase64url(withoutEnd(first.replaceAll('+', '-').replaceAll('/', '_'), '=')) : null;
  if (der === null) {
    return unverified('x5c holds something that is no certificate');
  }
  const algorithm = sealAlgorithm(header.get('alg')), info = publicKeyInfo(der);
  const key = algorithm && await crypto.subtle.importKey('spki', info, algorithm, false, ['verify']).catch(() => null);
  if (!key) {
    return untold(`it is sealed by ${ascii(header.get('alg'))} with a certificate whose key is not read for it by this verifier`);
  }
  if (!await crypto.subtle.verify(algorithm, key, signature, signed)) {
    return unverified('the seal does not hold: its certificate did not sign this');
  }
  return untold('sealed with the certificate that it brings; whose that is, and its chain, are not judged by this verifier');
}

/** For WebCrypto, of a name of RFC 7518 or RFC 8037; null of another. */
function sealAlgorithm(name) {
  const [, kind, bits] = /^(RS|PS|ES)(256|384|512)$/.exec(name) ?? [], hash = `SHA-${bits}`;
  const made = {
    RS: {name: 'RSASSA-PKCS1-v1_5', hash},
    PS: {name: 'RSA-PSS', hash, saltLength: bits / 8},
    ES: {name: 'ECDSA', hash, namedCurve: bits === '512' ? 'P-521' : `P-${bits}`}
  };
  return made[kind] ?? (['EdDSA', 'Ed25519'].includes(name) ? {name: 'Ed25519'} : null);
}

/** SubjectPublicKeyInfo out of a certificate in DER (RFC 5280 section 4.1). What is none leads anywhere, and to no key. */
function publicKeyInfo(der) {
  const inside = at => { // where the content of the element at this place begins and ends
    const count = der[at + 1] > 0x80 ? der[at + 1] & 0x7f : 0, from = at + 2 + count;
    return [from, from + (count ? der.subarray(at + 2, from).reduce((size, byte) => 256 * size + byte, 0) : der[at + 1])];
  };
  let [at] = inside(inside(0)[0]);
  for (let before = der[at] === 0xa0 ? 6 : 5; before; before--) { // version, serial number, algorithm, issuer, validity, subject
    [, at] = inside(at);
  }
  return der.subarray(at, inside(at)[1]);
}

/** Each proof that is read here must hold, and one must be the issuer's. */
async function ownProofs(document, body, keys, given, now) {
  const proofs = document.has('proof') ? document.get('proof') : [];
  const theirs = (Array.isArray(proofs) ? proofs : [proofs]).filter(one => one instanceof Map && one.get('type') !== ANCHOR_PROOF);
  const read = theirs.filter(one => knownProof(one) !== null);
  if (!theirs.length) {
    throw untold('the credential has no proof of its own');
  }
  if (!read.length || theirs.some(one => one.has('previousProof'))) {
    throw untold(`no proof of the credential is of a suite that is read here: ${Object.keys(SUITES).join(', ')}`);
  }
  const signers = await signersOf(document, read, keys, given, now);
  const issuer = given === null ? issuerWithKeys(body) : null;
  if (issuer !== null && !signers.some(method => method.split('#')[0] === issuer)) {
    throw unverified(`the credential names ${issuer} as its issuer, and is signed with ${signers.join(', ')}`);
  }
  const rest = theirs.length - read.length, isLonger = read.every(proof => goesOn(document, proof));
  return [
    `signed with ${signers.join(', ')}`, ...rest ? [`${rest} further proofs are not read here`] : [],
    ...isLonger ? ['@context goes on behind what was signed'] : []
  ].join('; ');
}

/** How the keys of proofs are called. With a given key one is by it; others hold by the keys that they name, as without it. */
async function signersOf(document, proofs, keys, given, now) {
  const signers = [], byOthers = [];
  let wrong = null;
  for (const proof of given === null ? [] : proofs) {
    try {
      await checkProof(document, proof, {publicKey: async () => given}, THE_GIVEN);
      requireInTime(proof, now);
      signers.push(THE_GIVEN);
    } catch (failed) {
      byOthers.push(proof);
      wrong ??= asRefused(failed);
    }
  }
  if (wrong !== null && !signers.length) {
    throw wrong;
  }
  for (const proof of given === null ? proofs : byOthers) {
    signers.push(await checkProof(document, proof, keys));
    requireInTime(proof, now);
  }
  return signers;
}

/** A key of a kind that is not read here tells nothing, for or against. */
class KnownKinds {
  constructor(keys) {
    this.keys = keys;
  }

  async publicKey(method) {
    const [did] = method.split('#');
    if (did.startsWith('did:key:z') && !/^did:key:z(?:6Mk|Dn|82)/.test(did)) {
      throw untold(`${did} is of a kind of key that is not read here; Ed25519, P-256 and P-384 are`);
    }
    return this.keys.publicKey(method);
  }
}

/** What a header calls critical (RFC 7515 section 4.1.11); `b64` of false has to be (RFC 7797 section 6). */
function requireUnderstood(header) {
  const critical = header.has('crit') ? header.get('crit') : [];
  if (!Array.isArray(critical) || !critical.every(name => typeof name === 'string') || (header.has('crit') && !critical.length)) {
    throw unverified('crit is no list of names');
  }
  const absent = critical.filter(name => !header.has(name));
  if (absent.length) {
    throw unverified(`crit names what the header has not: ${absent.map(ascii).join(', ')}`);
  }
  if (header.get('b64') === false && !critical.includes('b64')) {
    throw unverified('b64 is false, and crit does not say so');
  }
  const unknown = critical.filter(name => !UNDERSTOOD.includes(name));
  if (unknown.length || header.has('sigD')) {
    throw untold(`the signature asks for more than is read here: ${unknown.map(ascii).join(', ') || 'sigD'}`);
  }
}

/** The DID URL of the key that the issuer must have signed with. */
function methodOf(header, body) {
  const issuer = issuerWithKeys(body), kid = header.get('kid');
  if (typeof kid !== 'string') {
    if (issuer.startsWith('did:key:')) {
      return `${issuer}#${issuer.slice('did:key:'.length)}`;
    }
    const own = ['jwk', 'jku', 'x5u'].some(name => header.has(name)) ? '; the key that it carries itself proves nothing' : '';
    throw untold(`the token names no key by kid${own}`);
  }
  const method = kid.startsWith('did:') ? kid : `${issuer}#${kid.replace(/^#/, '')}`;
  if (method.split('#')[0] !== issuer) {
    throw unverified(`the credential names ${issuer} as its issuer, and is signed with ${method}`);
  }
  return method;
}

function issuerWithKeys(body) {
  const {claimed, fault} = claimedIssuer(body);
  if (fault) {
    throw new Refused('invalid-input', fault);
  }
  if (!claimed?.startsWith('did:')) {
    throw untold('the credential names no issuer whose keys could be looked up: give the key');
  }
  return claimed;
}

/** The times of a JWT (RFC 7519 section 4.1). */
function requireValid(claims, now, what = 'the signature') {
  const times = Object.fromEntries(['exp', 'nbf', 'iat'].filter(name => claims.has(name)).map(name => [name, claimedTime(claims.get(name), name)]));
  if (times.exp <= now) {
    throw unverified(`${what} counts until ${formatMoment(times.exp)} only`);
  }
  const later = [times.nbf, times.iat].find(time => time > now + SKEW);
  if (later !== undefined) {
    throw unverified(`${what} counts from ${formatMoment(later)} only`);
  }
}

function claimedTime(value, name) {
  const seconds = numberOf(value), whole = Math.floor(seconds);
  if (typeof seconds !== 'number' || whole > LAST_SECOND || whole < FIRST_SECOND) {
    throw unverified(`${name} is no time`);
  }
  return BigInt(whole) * SECOND + BigInt(Math.round((seconds - whole) * 1e6));
}

function requireInTime(proof, now) {
  const time = name => {
    const value = proof.get(name), moment = typeof value === 'string' ? momentOrUtc(value) : null;
    if (moment === null && proof.has(name)) {
      throw unverified(`the proof cannot be read: ${name}: must be a time with its offset, such as 2026-11-23T12:00:00Z`);
    }
    return moment;
  };
  const made = time('created'), ends = time('expires');
  if (made !== null && made > now + SKEW) {
    throw unverified(`the proof was made at ${formatMoment(made)}, which is still to come`);
  }
  if (ends !== null && ends <= now) {
    throw unverified(`the proof expired at ${formatMoment(ends)}`);
  }
}

const MAX_DISCLOSURES = 10_000, MAX_PROOFS = 100; // of one credential; what has more is not looked through

/** What is presented beside the signed part (RFC 9901 section 7.1). The key binding is read, and not checked. */
async function checkDisclosures(token, body) {
  if (presentedDisclosures(body).length) {
    await disclosedClaims(token, body);
  }
}

/** What the issuer signed, with what is disclosed of it in its places (RFC 9901 section 7.1, steps 3 to 5). */
async function disclosedClaims(token, body) {
  const disclosures = presentedDisclosures(body), claims = readInOneWay(token.payload, 'what was signed');
  if (disclosures.length && claims instanceof Map && claims.has('_sd_alg') && claims.get('_sd_alg') !== 'sha-256') {
    throw untold('the digests of the disclosures are not by SHA-256');
  }
  if (new Set(disclosures).size < disclosures.length) {
    throw unverified('a disclosure is there twice');
  }
  const waiting = new Map(await Promise.all(disclosures.map(async part => [await disclosureDigest(part), part])));
  const whole = new Placing(waiting).placed(claims, 1);
  if (waiting.size) {
    throw unverified('a disclosure is not covered by the signed part');
  }
  if (disclosures.length && claims instanceof Map && whole instanceof Map) {
    requireSignedIssuer(claims, whole);
  }
  return whole;
}

/** A disclosure names another issuer than the signed part. */
class OtherIssuer extends StatusListError {}

/** Why what is disclosed in a file names another issuer than the signed part; null where it does not, or cannot be put in its places. */
async function otherIssuerDisclosed(credential) {
  try {
    if (contentOf(credential) === SD_JWT) {
      await disclosedClaims(readSdJwt(credential, LIMITS), credential);
    }
  } catch (refused) {
    return asRefused(refused) instanceof OtherIssuer ? refused.message : null;
  }
  return null;
}

/** The issuer is looked for in the signed part alone, so what is disclosed must not name another, nor one where that has none. */
function requireSignedIssuer(signed, whole) {
  const clear = namedIssuers(signed).map(([, name]) => jcs(name));
  const places = namedIssuers(whole).filter(([, name]) => !clear.includes(jcs(name))).map(([place]) => place);
  if (places.length) {
    throw new OtherIssuer(VERIFICATION, `what is disclosed names another issuer than the signed part: ${places.join(', ')}`);
  }
}

function presentedDisclosures(body) {
  const presented = trim(latin1(body)).split('~').slice(1), last = presented.pop();
  if (presented.length > MAX_DISCLOSURES) {
    throw untold(`there are ${presented.length} disclosures; at most ${MAX_DISCLOSURES} are read`);
  }
  if (last) {
    try {
      readCompact(encoder.encode(last), LIMITS);
    } catch {
      throw unverified('what stands behind the last ~ is no key binding');
    }
  }
  return presented;
}

const ITEM = '...';

/** Puts disclosures in their places. `waiting`: those that have none yet, by digest. */
class Placing {
  constructor(waiting) {
    this.waiting = waiting;
    this.seen = new Set();
  }

  placed(value, depth) {
    if (depth > LIMITS.maxDepth) {
      throw untold(`what is disclosed is nested more than ${LIMITS.maxDepth} deep`);
    }
    if (Array.isArray(value)) {
      return value.flatMap(one => this.item(one, depth));
    }
    return value instanceof Map ? this.members(value, depth) : value;
  }

  /** The item of an array, in an array of its own; an empty one where it is not disclosed. */
  item(item, depth) {
    if (!(item instanceof Map && item.has(ITEM))) {
      return [this.placed(item, depth + 1)];
    }
    const digest = item.get(ITEM);
    if (item.size > 1 || typeof digest !== 'string') {
      throw unverified(`${ITEM} stands where it means no item of an array`);
    }
    const disclosed = this.take(digest);
    if (disclosed === null) {
      return [];
    }
    if (!Array.isArray(disclosed) || disclosed.length !== 2) {
      throw unverified('the disclosure of an item is not an array of salt and value');
    }
    return [this.placed(disclosed[1], depth + 1)];
  }

  members(value, depth) {
    if (value.has(ITEM)) {
      throw unverified(`${ITEM} stands where it means no item of an array`);
    }
    const others = [...value].filter(([name]) => name !== '_sd');
    const found = new Map(others.map(([name, one]) => [name, this.placed(one, depth + 1)])), digests = value.has('_sd') ? value.get('_sd') : [];
    for (const digest of Array.isArray(digests) ? digests : [null]) {
      if (typeof digest !== 'string') {
        throw unverified('_sd is no list of digests');
      }
      const disclosed = this.take(digest);
      if (disclosed === null) {
        continue;
      }
      const [, name, inner] = Array.isArray(disclosed) && disclosed.length === 3 ? disclosed : [];
      if (typeof name !== 'string') {
        throw unverified('the disclosure of a member is not an array of salt, name and value');
      }
      if (['_sd', ITEM].includes(name) || found.has(name)) {
        throw unverified('a member is disclosed that is there already, or whose name means something else');
      }
      found.set(name, this.placed(inner, depth + 1));
    }
    return found;
  }

  /** The disclosure with this digest; null where it is not there. */
  take(digest) {
    if (this.seen.has(digest)) {
      throw unverified('the same digest of a disclosure stands in two places');
    }
    this.seen.add(digest);
    const disclosure = this.waiting.get(digest);
    return this.waiting.delete(digest) ? readDisclosure(disclosure) : null;
  }
}

/** What is known of the holder's signature over this presentation (RFC 9901 section 7.3); nothing where there is none. `issued`: claims. */
async function keyBinding(issued, body, now) {
  const text = trim(latin1(body)), at = text.lastIndexOf('~') + 1, binding = text.slice(at);
  if (!binding) {
    return [];
  }
  const {signed, payload} = readCompact(encoder.encode(binding), LIMITS), claims = readInOneWay(payload, 'the key binding');
  const [head, , signature] = binding.split('.'), header = parseJson(decoded(head)), algorithm = header.get('alg');
  const {key, why} = holdersKey(issued), isRead = Object.hasOwn(ALGORITHMS, algorithm);
  if (!key || !isRead) {
    return [`its key binding was not checked: ${isRead ? why : `the algorithm ${ascii(algorithm)} is not read here`}`];
  }
  requireUnderstood(header);
  if (header.get('typ') !== 'kb+jwt') {
    throw unbound('its typ is not kb+jwt');
  }
  const texts = ['aud', 'nonce', 'sd_hash'];
  if (!(claims instanceof Map) || !claims.has('iat') || !texts.every(name => typeof claims.get(name) === 'string')) {
    throw unbound(`it lacks one of iat, ${texts.join(', ')}`);
  }
  if (claims.get('sd_hash') !== toBase64url(await sha256(encoder.encode(text.slice(0, at))))) {
    throw unbound('it is of another presentation');
  }
  if (!await isSigned(key, [ALGORITHMS[algorithm]], decoded(signature), signed.subarray(0, signed.lastIndexOf(0x2e)))) {
    throw unbound("the holder's key did not sign it");
  }
  requireValid(claims, now, 'the key binding');
  return [`the key binding of ${formatMoment(claimedTime(claims.get('iat'), 'iat'))} holds, its nonce and audience were not compared`];
}

/** The key in `cnf` (RFC 7800): {key}, or {why} there is none. */
function holdersKey(claims) {
  const cnf = claims instanceof Map ? claims.get('cnf') : null;
  if (!(cnf instanceof Map && cnf.has('jwk'))) {
    return {why: 'the issuer names no key of the holder by cnf.jwk'};
  }
  if (claims.has('_sd_alg') && claims.get('_sd_alg') !== 'sha-256') {
    return {why: 'its digest is not by SHA-256'};
  }
  return {key: fromJwk(cnf.get('jwk')), why: `the holder's key is ${NO_JWK}`};
}

function unbound(why) {
  return unverified(`the key binding does not hold: ${why}`);
}

function readDisclosure(disclosure) {
  const content = fromBase64url(disclosure);
  if (content === null) {
    throw unverified('a disclosure is not base64url');
  }
  try {
    return parseJson(content) ?? [];
  } catch (refused) {
    throw unverified(`a disclosure cannot be read: ${asRefused(refused).message}`);
  }
}

async function disclosureDigest(text) {
  return toBase64url(await sha256(encoder.encode(text)));
}

function decoded(text) {
  const content = fromBase64url(text);
  if (content === null) {
    throw unverified('a part of the credential is not base64url');
  }
  return content;
}

/** As a JSON string in ASCII: it is somebody else's. */
function ascii(text) {
  return JSON.stringify(text).replace(/[\u0080-\uffff]/g, one => '\\u' + one.charCodeAt(0).toString(16).padStart(4, '0'));
}

// Getting lists, and judging by them

const LIST_ACCEPT = 'application/vc, application/vc+jwt, application/statuslist+jwt, application/jwt, application/json;q=0.5';
const LIST_TIMEOUT_MS = 15_000;

/** A verifier's way to lists: copies, and the hosts that publish them. Nobody is believed. */
class Lists {
  constructor({service, signers, copies, allowPrivate, fetch, now}) {
    this.service = service === null ? null : service.replace(/\/+$/, '');
    this.signers = signers;
    this.copies = copies;
    this.allowPrivate = allowPrivate;
    this.fetch = fetch;
    this.keys = new Keys(this, now);
  }

  /** The list of a place: {list, source, word, notShown}, or {code, why}. */
  async served(place, issuer, fresh) {
    const url = place.url ?? (this.service === null ? null : `${this.service}/v1/status-lists/${toHex(place.listId).slice(2)}`);
    const copy = fresh ? null : this.copyOf(place);
    if (copy === null && url === null) {
      return {code: RETRIEVAL, why: 'no service was named to get it from, and no copy of it'};
    }
    try {
      const list = copy ?? await this.got(url, fresh);
      return await this.opened(list, copy ? 'the copy' : `the list at ${url}`, [...this.signers, issuer, url && didWebOfHost(url)]);
    } catch (failed) {
      if (failed instanceof StatusListError) {
        return {code: failed.code, why: failed.message};
      }
      throw failed;
    }
  }

  async got(url, fresh) {
    const isOfService = this.service !== null && url.startsWith(`${this.service}/`);
    const {content, mediaType} = await this.get(url, LIST_ACCEPT, LIST_LIMITS.maxBytes, isOfService || this.allowPrivate, fresh);
    return readList(content, mediaType);
  }

  copyOf(place) {
    const ofPlace = this.copies.filter(({url}) => url !== null &&
      (url === place.url || (place.listId !== null && equal(listIdIn(url) ?? [], place.listId))));
    return ofPlace.reduce((one, other) => (other.signedAt ?? 0n) > (one.signedAt ?? 0n) ? other : one, ofPlace[0] ?? null);
  }

  async opened(list, source, maySign) {
    let notShown = null;
    if (!maySign.includes(list.signer)) {
      const names = [...new Set(maySign.filter(Boolean))].sort();
      notShown = `${list.signer} is not who may sign it, which is ${names.join(' or ') || 'nobody that is known'}`;
    } else {
      try {
        await checkSignature(list, this.keys);
      } catch (failed) {
        if (failed.code !== RETRIEVAL) {
          throw failed;
        }
        notShown = failed.message;
      }
    }
    return {list, source, word: `by signature of ${list.signer}`, notShown};
  }

  async document(did) {
    const {host, path} = documentPlace(did), isLocal = /^(?:localhost|127(?:\.[0-9]+){3}|\[::1\])(?::[0-9]+)?$/.test(host);
    const scheme = this.allowPrivate && isLocal ? 'http' : 'https';
    let content;
    try {
      const accept = 'application/did+json, application/did+ld+json, application/json';
      ({content} = await this.get(`${scheme}://${host}${path}`, accept, DOCUMENT_LIMITS.maxBytes, this.allowPrivate, false));
    } catch (failed) {
      throw failed instanceof StatusListError ? untold(`the document of ${did} is out of reach: ${failed.message}`) : failed;
    }
    try {
      return parseJson(content, DOCUMENT_LIMITS);
    } catch (refused) {
      const {slug, message} = asRefused(refused);
      throw slug === 'too-large' ? untold(`the document of ${did} is out of reach: ${message}`) : untold(`the document of ${did} is not one: ${message}`);
    }
  }

  /** One answer, within a time and a size, without redirects. */
  async get(url, accept, maxBytes, mayBePlain, fresh) {
    try {
      if (!/^https:\/\//i.test(url) && !(mayBePlain && /^http:\/\//i.test(url))) {
        throw new Error('not a URL of HTTPS');
      }
      if (!mayBePlain && isPrivateHost(new URL(url).hostname)) {
        throw new Error('an address inside this network, which no document may make us ask');
      }
      return await within(LIST_TIMEOUT_MS, async signal => {
        const response = await this.fetch(url, {
          headers: {Accept: accept},
          redirect: 'error',
          credentials: 'omit',
          cache: fresh ? 'reload' : 'default',
          signal
        });
        return {content: await bounded(answered(response), maxBytes), mediaType: response.headers.get('content-type') ?? ''};
      });
    } catch (failed) {
      throw untold(`it was not got: ${failed.message}`);
    }
  }
}

const PRIVATE_V4 = [ // IANA's registry of special-purpose addresses
  /^(?:0|10|127)\./, /^100\.(?:6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\./, /^169\.254\./, /^172\.(?:1[6-9]|2[0-9]|3[01])\./, /^192\.(?:168|0\.0|0\.2)\./,
  /^198\.(?:1[89]|51\.100)\./, /^203\.0\.113\./, /^(?:22[4-9]|2[3-5][0-9])\./
];

/** Whether a host, as a URL has it, is an address that not everybody can reach, or localhost. What other names lead to is not seen here. */
function isPrivateHost(host) {
  if (host.startsWith('[')) {
    return !/^\[[23]/.test(host) || /^\[(?:2001:(?:db8|[01]?[0-9a-f]{1,2})?:|2002:|3fff:)/.test(host);
  }
  const isAddress = /^[0-9]+(?:\.[0-9]+){3}$/.test(host);
  return isAddress ? PRIVATE_V4.some(range => range.test(host)) : /(?:^|\.)localhost\.?$/.test(host);
}

/**
 * What `work` answers, all of it in time, however slowly it comes. It is given a signal, and holds a timer: the signal of AbortSignal.timeout
 * goes when nobody in Node holds it, and its time never comes.
 */
export async function within(ms, work) {
  const ending = new AbortController();
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => {
      const why = new Error(`no whole answer in ${ms / 1000} s`);
      reject(why);
      ending.abort(why);
    }, ms);
  });
  try {
    return await Promise.race([late, work(ending.signal)]);
  } finally {
    clearTimeout(timer);
  }
}

function answered(response) {
  if (response.status !== 200) {
    throw new Error(`the answer was ${response.status}`);
  }
  return response;
}

/** The whole answer, as long as it is no longer than this. */
export async function bounded(response, maxBytes) {
  const parts = [];
  let size = 0;
  for (let reader = response.body.getReader(), next = await reader.read(); !next.done; next = await reader.read()) {
    parts.push(next.value);
    size += next.value.length;
    if (size > maxBytes) {
      await reader.cancel();
      throw new Error(`the answer is longer than ${maxBytes} bytes`);
    }
  }
  return concat(...parts);
}

/** The DID that the host of a URL publishes (did:web, section 3.2); null where none is named. */
function didWebOfHost(url) {
  const [, host, port] = /^([^:[\]]+)(?::([0-9]*))?$/.exec(urlParts(url)?.host.split('@').at(-1) ?? '') ?? [];
  return host ? `did:web:${host.toLowerCase()}${!port ? '' : `%3A${Number(port)}`}` : null;
}

function finding({namedAt = null, listId = null, url = null, purpose = null, index = null}, outcome, verdict, reason, rest = {}) {
  const {basis = null, code = null, head = null} = rest;
  return {
    namedAt, list: listId && toHex(listId), url, purpose, index, outcome, verdict, basis,
    version: head && Number(head.version), publishedAt: head && formatMoment(head.publishedAt), code, reason
  };
}

function notTold(why, {code = null, head = null, ...place} = {}) {
  return finding(place, CANNOT_TELL, 'unknown', why, {code, head});
}

/** What one bit says. `shown`: {head or null, source, asOf} or {why}. `served`: as `Lists.served` answers; null where it was not got. */
async function judge(place, shown, served, now) {
  const isOurs = place.listId !== null;
  if (isOurs && shown.why) {
    return notTold(shown.why, place);
  }
  const hasNoHead = !shown.why && shown.head === null, named = nameOf(place);
  const old = !shown.why && shown.asOf < now - HEAD_AGE && `nothing newer is shown than ${shown.source}, and what was changed since is not told`;
  if (hasNoHead && place.namedAt === null && !served?.list) {
    return old ? notTold(`${named}: ${old}`, place) : finding(place, PASSED, 'clear', `nothing in ${named} was ever changed, says ${shown.source}`, {basis: 'ledger'});
  }
  if (!served?.list) {
    return notTold(`${named}: ${served?.why ?? 'it was not asked for'}`, {...place, code: served?.code ?? RETRIEVAL});
  }
  const {list, source, word} = served;
  let isBitSet;
  try {
    requireTheList(place, list, source);
    isBitSet = isSet(list.bits, place.index);
  } catch (unfit) {
    return notTold(asRefused(unfit).message, {...place, code: unfit.code});
  }
  const told = (basis, words, head = null) => {
    const suspends = (place.purpose ?? (list.purposes.every(one => one === 'suspension') ? 'suspension' : 'revocation')) === 'suspension';
    const means = suspends ? 'suspended' : 'revoked';
    return isBitSet
      ? finding(place, FAILED, means, `${means}: ${words}`, {basis, head})
      : finding(place, PASSED, 'clear', `not ${means}: ${words}`, {basis, head});
  };
  const wanting = signatureWanting(served, now);
  if (shown.why || shown.head === null || !isOurs) {
    const where = isOurs ? 'no version of it is on the ledger' : 'it is not a list that this ledger shows';
    return wanting ? notTold(`${named}: ${wanting}`, {...place, code: VERIFICATION}) : told('signature', `${named} ${word}; ${where}`);
  }
  const {head} = shown, version = `version ${head.version}`;
  if (equal(await headDigest(place.listId, head.version, list.bits), head.digest)) {
    if (old && !isBitSet) {
      return wanting
        ? notTold(`${named}: ${old}; and ${wanting}`, {...place, code: VERIFICATION, head})
        : told('signature', `${named} ${word}; ${old}`, head);
    }
    return told('ledger', `${version} of ${named}, on the ledger since ${formatMoment(head.publishedAt)}, says ${shown.source}`, head);
  }
  const unknown = why => notTold(`${source} is not ${version}, which is on the ledger: ${why}`, {...place, code: VERIFICATION, head});
  if (served.notShown !== null) {
    return unknown(`its signature shows nothing: ${served.notShown}`);
  }
  if (list.signedAt === null) {
    return unknown('it does not say when it was signed');
  }
  if (list.signedAt <= head.publishedAt) {
    const times = `was signed at ${formatMoment(list.signedAt)} and is not ${version}, on the ledger since ${formatMoment(head.publishedAt)}`;
    return finding(place, FAILED, 'stale', `stale: ${source} ${times}, says ${shown.source}`, {head});
  }
  return wanting
    ? unknown(wanting)
    : told('signature', `${named} ${word} at ${formatMoment(list.signedAt)}, newer than ${version}; not yet on the ledger`, head);
}

function requireTheList(place, list, source) {
  const isSame = list.url === null || list.url === place.url || (place.listId !== null && equal(listIdIn(list.url) ?? [], place.listId));
  if (!isSame) {
    throw unverified(`${source}: it is the list ${list.url}, not ${nameOf(place)}`);
  }
  if (place.purpose !== null && !list.purposes.includes(place.purpose)) {
    throw unverified(`${source}: its purpose is ${[...list.purposes].sort().join(' and ')}, not ${place.purpose}`);
  }
}

/** Why the signature does not count now; null when it does. */
function signatureWanting({list, notShown}, now) {
  if (notShown !== null) {
    return `its signature shows nothing: ${notShown}`;
  }
  const begins = [list.signedAt, list.validFrom].filter(time => time !== null).reduce((one, other) => one > other ? one : other, -(2n ** 63n));
  if (begins > now + SKEW) {
    return `it is valid from ${formatMoment(begins)} only`;
  }
  return list.validUntil !== null && list.validUntil <= now ? `it was valid until ${formatMoment(list.validUntil)}` : null;
}

// The ledger: only the contract that the caller pinned counts

const ANCHOR_OF = 'cf4ff901', STATUS_LIST_OF = 'e3432160'; // the first four bytes of Keccak-256 of anchorOf(bytes32), statusListOf(bytes32)
export const ROOT_ANCHORED = '0x2c5d3b111a2e93670091e23c70b548cf8dc67ad27e6d5560feffbb5c76cdbb8d';
const NODE_TIMEOUT_MS = 15_000, NODE_MAX_BYTES = 16 * 1024 * 1024;

/** SHA-256 of the code that our contract has at its address, whoever deployed it. */
export const CODE_SHA256 = '0x4d151935f816aecfa111ab6eae1f8fbcc08b6c853864a93214b6988a9e31bb44';

/** A node that does not answer, or answers with something else, is evidence of nothing. */
export class NoEvidence extends Error {}

/** The node is of another chain, or has not our contract. */
class OtherLedger extends NoEvidence {}

class Node {
  constructor(url, fetcher) {
    this.url = nodeUrl(url);
    this.fetch = fetcher;
    this.calls = 0;
  }

  async call(method, ...params) {
    const id = ++this.calls, body = JSON.stringify({jsonrpc: '2.0', id, method, params}), headers = {'Content-Type': 'application/json'};
    try {
      const answer = await within(NODE_TIMEOUT_MS, async signal => {
        const response = await this.fetch(this.url, {method: 'POST', headers, body, redirect: 'error', signal});
        return JSON.parse(new TextDecoder().decode(await bounded(answered(response), NODE_MAX_BYTES)));
      });
      if (answer?.id !== id) {
        throw new Error("another call's answer");
      }
      if (answer.error != null || answer.result === undefined) {
        throw new Error(String(answer.error?.message ?? 'neither result nor error').slice(0, 200));
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
    const seconds = BigInt(quantity(block.timestamp));
    return {number: quantity(block.number), hash: hash32(block.hash), time: timeOf(seconds), asOf: seconds * SECOND};
  }

  /** Words of 32 bytes that a function answers with, as of one block. */
  async ask(registry, calldata, words, at) {
    const answer = await this.call('eth_call', {to: registry.contract, data: `0x${calldata}`}, {blockHash: at.hash, requireCanonical: true});
    if (typeof answer !== 'string' || !new RegExp(`^0x[0-9a-fA-F]{${64 * words}}$`).test(answer)) {
      throw new NoEvidence(`${registry.text} answered with something else: is it the contract?`);
    }
    return Array.from({length: words}, (_, i) => BigInt(`0x${answer.slice(2 + 64 * i, 66 + 64 * i)}`));
  }
}

function nodeUrl(text) {
  try {
    if (/^https?:\/\//i.test(text) && new URL(text).port !== '0') {
      return text;
    }
  } catch {
    // brackets or a port that cannot be, refused like everything else that is none
  }
  throw new Refused('invalid-input', "the node's address is not a URL such as http://127.0.0.1:8545", 'rpcUrl');
}

function quantity(text) {
  if (typeof text !== 'string' || !/^0x[0-9a-fA-F]{1,13}$/.test(text)) {
    throw new NoEvidence('the node answered with something that is no number');
  }
  return Number(text);
}

/** `seconds`: BigInt. */
export function timeOf(seconds) {
  if (seconds > BigInt(LAST_SECOND)) {
    throw new NoEvidence('the node answered with a time that is none');
  }
  return formatMoment(seconds * SECOND);
}

function hash32(text) {
  if (typeof text !== 'string' || !/^0x[0-9a-fA-F]{64}$/.test(text)) {
    throw new NoEvidence('the node answered with something that is no hash');
  }
  return text.toLowerCase();
}

function address(text) {
  if (typeof text !== 'string' || !/^0x[0-9a-fA-F]{40}$/.test(text)) {
    throw new NoEvidence('the node answered with something that is no address');
  }
  return text.toLowerCase();
}

/** The events that say that our contract anchored a root; other contracts' logs are left out. */
function anchorsIn(logs, registry) {
  try {
    const shown = logs.filter(log => log.removed !== true); // by a reorg
    const ours = shown.filter(log => address(log.address) === registry.contract && log.topics[0] === ROOT_ANCHORED);
    return ours.map(({topics: [, root, sequence, by], data, transactionHash, blockNumber, blockHash}) => {
      const [, count] = /^0x0{48}([0-9a-f]{16})(?:[0-9a-f]{2})*$/i.exec(data);
      return {
        root: hash32(root),
        sequence: BigInt(hash32(sequence)),
        leafCount: BigInt(`0x${count}`),
        anchoredBy: address(`0x${by.slice(-40)}`),
        transaction: hash32(transactionHash),
        blockNumber: quantity(blockNumber),
        blockHash: hash32(blockHash)
      };
    });
  } catch {
    throw new NoEvidence('the node answered with a malformed log');
  }
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

/** The newest block of the node, once it is known to be on the pinned chain and to have our contract's code at the pinned address. */
async function headOf(node, registry) {
  const [chainId, code, head] = await Promise.all([
    node.call('eth_chainId'), node.call('eth_getCode', registry.contract, 'latest'), node.block('latest')
  ]);
  if (BigInt(quantity(chainId)) !== registry.chainId) {
    throw new OtherLedger(`the node is on another chain than ${registry.text}`);
  }
  if (typeof code !== 'string' || !/^0x(?:[0-9a-fA-F]{2})*$/.test(code)) {
    throw new NoEvidence('the node answered eth_getCode with something that is no hexadecimal');
  }
  if (code === '0x') {
    throw new OtherLedger(`there is no contract at ${registry.text}`);
  }
  if (toHex(await sha256(fromHex(code))) !== CODE_SHA256) {
    throw new OtherLedger(`the code at ${registry.text} is not the anchor registry of this version`);
  }
  return head;
}

/** What the ledger says of a root: {headNumber, source, anchor or null, blockHash, finalHeight or null, finality: the rule, or why not}. */
async function gatherEvidence(node, registry, head, root, finality) {
  const [[sequence, timestamp, recordedAt], final] = await Promise.all([
    node.ask(registry, ANCHOR_OF + toHex(root).slice(2), 4, head), finalHeight(node, head, finality)
  ]);
  const evidence = {headNumber: head.number, source: sourceOf(head), anchor: null, blockHash: null, ...final};
  if (sequence === 0n) {
    return evidence;
  }
  const hex = `0x${recordedAt.toString(16)}`;
  const query = {address: registry.contract, topics: [ROOT_ANCHORED, toHex(root)], fromBlock: hex, toBlock: hex};
  const shown = anchorsIn(await node.call('eth_getLogs', query), registry).find(one => one.root === toHex(root) && one.sequence === sequence);
  if (!shown) {
    throw new NoEvidence(`the node holds root ${toHex(root)} and does not show its event`);
  }
  const {leafCount, blockNumber, transaction, anchoredBy, blockHash} = shown;
  evidence.anchor = {sequence: Number(sequence), leafCount: Number(leafCount), blockNumber, transaction, anchoredBy, anchoredAt: timeOf(timestamp)};
  evidence.blockHash = (await node.block(`0x${blockNumber.toString(16)}`)).hash;
  if (evidence.blockHash !== blockHash) {
    throw new NoEvidence(`the node shows the root's event in another block ${blockNumber} than its chain has`);
  }
  return evidence;
}

function sourceOf(head) {
  return `the ledger as of block ${head.number} at ${head.time}`;
}

/** The head of a list as of one block: {head: {version, publishedAt, digest} or null, source, asOf}, or {why}. */
async function headShown(node, registry, head, listId) {
  try {
    const [version, timestamp, digest] = await node.ask(registry, STATUS_LIST_OF + toHex(listId).slice(2), 3, head);
    const found = {version, publishedAt: timestamp * SECOND, digest: fromHex(digest.toString(16).padStart(64, '0'))};
    timeOf(timestamp);
    return {head: version ? found : null, source: sourceOf(head), asOf: head.asOf};
  } catch (failed) {
    return {why: whyNoEvidence(failed)};
  }
}

async function finalHeight(node, head, finality) {
  if (finality.startsWith('depth:')) {
    return {finalHeight: head.number - Number(finality.slice('depth:'.length)), finality: `the rule ${finality}`};
  }
  try {
    return {finalHeight: (await node.block(finality)).number, finality: `the rule ${finality}`};
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
 * `credential`: bytes of the file as its holder has it, or null; text is taken as UTF-8. `proof`: bytes, or a value that JSON.parse gave;
 * without it the one inside the credential, as `embeddedProof` finds it. `registry`: the contract you trust,
 * `eip155:<chain id>:<address>`, never taken from the proof. `rpcUrl`: a node of that ledger. `finality`: `finalized`, `safe` or
 * `depth:<blocks>`. `service`: where lists that follow from a batch may be got; `statusLists`: copies of lists, as bytes;
 * `statusSigners`: DIDs whose signature counts for every list; `allowPrivate`: lists may come over plain HTTP. `key`: the issuer's public
 * key, a JWK or Multikey, for the credential's own signature; `fetchKeys`: keys of a did:web may be got from its host. A server that
 * verifies for others gives a `fetch` that keeps to hosts which everybody can reach: a credential names whatever hosts it likes.
 *
 * Answers {outcome, statement, checks: [{check, outcome, reason}], validity, isValidityOfToken, statusLists, proof, anchor, isLedgerRead, isOtherLedger,
 * isAddedTo, isInPart, checkedAt}: `validity` and `isValidityOfToken` as of `readableValidity`, which no check is about; `proof` as it was read, `anchor` as the ledger holds it, or null; `isLedgerRead`: whether the node gave usable answers; `isOtherLedger`: whether it is of
 * another chain or has not the contract; `isAddedTo`: whether the proof is of the beginning of a PDF, and what follows was not judged; `isInPart`: whether the proof is of what a token signs, and the file has more. Throws Refused for what is no proof, and for arguments that cannot be used.
 */
export async function verify(credential, proof = null, options = {}) {
  const {
    registry = null, rpcUrl = null, finality = 'finalized', required = REQUIRED, service = null, statusLists = [], statusSigners = [],
    allowPrivate = false, key = null, fetchKeys = false, now = new Date(), fetch = globalThis.fetch
  } = usable(options, ONLINE);
  credential = bytesOf(credential);
  const read = readProof(proof ?? await insideOf(credential)), pinned = registry === null ? null : parseRegistry(registry), rule = parseFinality(finality);
  const given = key === null ? null : givenKey(key);
  const ledger = {
    pinned, node: pinned && rpcUrl !== null ? new Node(rpcUrl, fetch) : null, head: null, evidence: null, isOther: false,
    why: pinned === null ? 'no contract is pinned: give registry' : 'no node was asked: give rpcUrl'
  };
  if (ledger.node) {
    try {
      ledger.head = await headOf(ledger.node, pinned);
      ledger.evidence = await gatherEvidence(ledger.node, pinned, ledger.head, read.root, rule);
    } catch (failed) {
      ledger.why = whyNoEvidence(failed);
      ledger.isOther = failed instanceof OtherLedger;
    }
  }
  const copies = await Promise.all(statusLists.map(readCopy));
  const at = momentOf(new Date(now).toISOString());
  const lists = new Lists({service, signers: statusSigners, copies, allowPrivate, fetch: (...request) => fetch(...request), now: at});
  const forms = await formsFor(read, credential), found = await checkStatus(read, credential, forms, ledger, lists, at);
  return reportOf(credential, read, ledger, {forms, found, required, at, given, keys: fetchKeys ? lists.keys : CARRIED_KEYS});
}

/**
 * Make every check that the proof's bundle allows; nobody is asked.
 *
 * `blockHash`: of the block you trust to be on the ledger for good, in hexadecimal. `validators`: accounts of all validators of a QBFT
 * or IBFT 2.0 ledger, whose seals on the block count in its place. *finality* is of these. `status` is always *cannot tell*. The other
 * arguments, and the answer, are those of `verify`.
 */
export async function verifyOffline(credential, proof = null, options = {}) {
  const {registry, blockHash = null, validators = [], key = null, required = REQUIRED, now = new Date()} = usable(options, OFFLINE);
  credential = bytesOf(credential);
  const members = membersOf(proof ?? await insideOf(credential)), read = proofIn(members), pinned = parseRegistry(registry), trusted = trustedBlocks(blockHash, validators);
  const ledger = {pinned, evidence: null, why: 'the proof has no bundle: credanchor proof bundle adds one'}, given = key === null ? null : givenKey(key);
  if (members.value.get('bundle') != null) {
    const {evidenceFrom, readBundle} = await import('./bundle.js');
    const bundle = readBundle(members.object('bundle'));
    try {
      ledger.evidence = evidenceFrom(bundle, read, pinned, trusted);
    } catch (failed) {
      ledger.why = whyNoEvidence(failed);
      ledger.isOther = failed instanceof OtherLedger;
    }
  }
  const found = [notTold('status lists change, so nothing is told of them offline')];
  const forms = await formsFor(read, credential);
  return reportOf(credential, read, ledger, {forms, found, required, at: momentOf(new Date(now).toISOString()), given, keys: CARRIED_KEYS});
}

const isText = value => typeof value === 'string', isArrayOf = is => value => Array.isArray(value) && value.every(is);
const TEXT = [isText, 'text'], TEXTS = [isArrayOf(isText), 'an array of texts'], YES_OR_NO = [value => typeof value === 'boolean', 'true or false'];
const TEXT_OR_NULL = [value => value === null || isText(value), 'text or null'];
const BOTH = {
  registry: TEXT_OR_NULL,
  key: [value => value === null || isText(value) || typeof value === 'object', 'a JWK, a Multikey or null'],
  now: [value => value !== null && !Number.isNaN(new Date(value).getTime()), 'a time'],
  required: [names => names.length > 0 && names.every(name => CHECKS.includes(name)), `an array or a set of one or more of ${CHECKS.join(', ')}`]
};
const HTTP_URL = /^(?=.{1,512}$)https?:\/\/(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?(?:\/[A-Za-z0-9._~\/-]*)?$/;
/** What each option may be, and how that is said. */
const ONLINE = {
  ...BOTH, rpcUrl: TEXT_OR_NULL, finality: TEXT, service: [value => value === null || isText(value) && HTTP_URL.test(value), 'a plain URL of HTTP or null'], statusSigners: TEXTS, allowPrivate: YES_OR_NO, fetchKeys: YES_OR_NO,
  statusLists: [isArrayOf(one => one instanceof Uint8Array), 'an array of copies, each a Uint8Array'], fetch: [value => typeof value === 'function', 'a function']
};
const OFFLINE = {...BOTH, registry: TEXT, blockHash: TEXT_OR_NULL, validators: TEXTS};

/** What anything iterable but text lists. */
function listed(value) {
  return isText(value) || typeof value?.[Symbol.iterator] !== 'function' ? [] : [...value];
}

/** The options, if each is known and may be what it is; `required` as an array. */
function usable(options, kinds) {
  if (options === null || typeof options !== 'object') {
    throw new Refused('invalid-input', 'must be an object', 'options');
  }
  const given = options.required === undefined ? options : {...options, required: listed(options.required)};
  for (const [name, value] of Object.entries(given)) {
    const [is, words] = Object.hasOwn(kinds, name) ? kinds[name] : [];
    if (!is) {
      throw new Refused('invalid-input', `is no option; there are ${Object.keys(kinds).join(', ')}`, name);
    }
    if (value !== undefined && !is(value)) {
      throw new Refused('invalid-input', `must be ${words}`, name);
    }
  }
  return given;
}

function bytesOf(credential) {
  if (typeof credential === 'string') {
    return encoder.encode(credential);
  }
  if (credential instanceof Uint8Array || credential === null) {
    return credential;
  }
  throw new Refused('invalid-input', 'must be a Uint8Array, the file as its holder has it, text or null', 'credential');
}

async function insideOf(credential) {
  const found = credential === null ? null : await embeddedProof(credential);
  if (found === null) {
    throw new Refused('invalid-input', 'must be given: there is none inside the credential', 'proof');
  }
  return found;
}

function trustedBlocks(blockHash, validators) {
  if (blockHash === null && !validators.length) {
    throw new Refused('invalid-input', 'say which block you trust, or whose seals on it', 'blockHash');
  }
  if (blockHash !== null && !/^(?:0x)?[0-9a-fA-F]{64}$/.test(blockHash)) {
    throw new Refused('invalid-input', 'a block hash must be 64 hexadecimal digits, with or without 0x', 'blockHash');
  }
  if (!validators.every(one => ADDRESS.test(one))) {
    throw new Refused('invalid-input', 'an address must be 0x and 40 hexadecimal digits', 'validators');
  }
  return {blockHash: blockHash && fromHex(blockHash), validators: [...new Set(validators.map(one => one.toLowerCase()))]};
}

function givenKey(key) {
  if (typeof key === 'string') {
    const multikey = fromMultikey(key);
    if (multikey === null) {
      throw new Refused('invalid-input', `cannot be used: ${NO_MULTIKEY}`, 'key');
    }
    return multikey;
  }
  const jwk = asMaps(key);
  if (jwk instanceof Map && jwk.has('d')) {
    throw new Refused('invalid-input', 'is a private key; nobody but the issuer should have it', 'key');
  }
  const read = fromJwk(jwk);
  if (read === null) {
    throw new Refused('invalid-input', `cannot be used: ${NO_JWK}`, 'key');
  }
  return read;
}

/** `found`: of status lists. `at`: when, in microseconds. `keys`, `given`: for the credential's own signature. */
async function reportOf(credential, proof, ledger, {forms, found, required, at, keys, given}) {
  const outcome = worst(found), deciding = found.filter(one => one.outcome === outcome).map(one => one.reason);
  const signature = credential === null ? {outcome: CANNOT_TELL, reason: 'no credential was given'} : await ownSignature(credential, keys, given, at);
  const checks = [
    await checkDigest(proof, credential, forms),
    await checkPath(proof),
    checkRegistry(proof, ledger.pinned),
    checkRoot(proof, ledger),
    checkFinality(ledger),
    await checkOwnIssuer(proof, credential),
    {check: 'credential-signature', ...signature},
    told('accreditation', CANNOT_TELL, "the issuer's accreditation was not checked"),
    told('status', outcome, [...new Set(deciding)].join('; '))
  ];
  const anchor = ledger.evidence?.anchor ?? null, {validity, isOfToken: isValidityOfToken} = await readableValidity(credential, at);
  return {
    outcome: worst(checks.filter(one => required.includes(one.check))), statement: statementOf(proof, checks, anchor, validity), checks,
    validity, isValidityOfToken, statusLists: found, proof: {...proof, digest: toHex(proof.digest)}, anchor, isLedgerRead: ledger.evidence !== null, isOtherLedger: ledger.isOther === true, isAddedTo: forms.isAddedTo === true, isInPart: isInPart(proof, forms), checkedAt: formatMoment(at)
  };
}

async function readCopy(content, number) {
  try {
    const list = await readList(content, '');
    if (list.url === null) {
      throw unreadable('it does not say which list it is');
    }
    return list;
  } catch (refused) {
    throw new Refused('invalid-input', `is no status list: ${asRefused(refused).message}`, `statusLists[${number}]`);
  }
}

function told(check, outcome, reason) {
  return {check, outcome, reason};
}

function worst(checks) {
  const found = new Set(checks.map(one => one.outcome));
  return [FAILED, CANNOT_TELL].find(outcome => found.has(outcome)) ?? PASSED;
}

/**
 * The forms that a file may have been anchored in: {forms, why, isAddedTo}. `why`: nobody can tell whether it is the anchored one, or null.
 * `known`: those of canonicalCandidates, where they were computed before.
 */
async function formsFor(proof, credential, known = null) {
  const forms = credential === null ? [] : known ?? await canonicalCandidates(credential, proof.canonicalization);
  if (credential === null || forms.some(isOf(proof))) {
    return {forms, why: null};
  }
  if (contentOf(credential) !== OTHER || !isPdf(credential)) {
    return {forms, why: isLikeBlockcerts(credential) ? 'the rule of Blockcerts may give the digest of the proof: this verifier does not compute it' : null};
  }
  const {laterForm} = await import('./pdf.js'), later = await laterForm(credential, proof.digest);
  return {forms: later?.form ? [...forms, later.form] : forms, why: later?.why ?? null, isAddedTo: Boolean(later?.why)};
}

/** Whether it has the members of a Blockcerts credential, finished or not (docs/blockcerts.md, section 4). */
function isLikeBlockcerts(body) {
  const members = contentOf(body) === JSON_OBJECT ? parsedOrNull(body) : null;
  const [contexts, types] = ['@context', 'type'].map(name => members?.get(name));
  if (!Array.isArray(contexts) || ![VCDM_1, VCDM_2].includes(contexts[0]) || !Array.isArray(types) || !types.includes('VerifiableCredential')) {
    return false;
  }
  const issuer = members.get('issuer'), name = issuer instanceof Map ? issuer.get('id') : issuer, proof = members.get('proof');
  return contexts.some(one => typeof one === 'string' && one.startsWith('https://w3id.org/blockcerts/')) && typeof name === 'string' &&
    (!members.has('proof') || (proof instanceof Map && proof.get('type') === 'MerkleProof2019'));
}

async function checkDigest(proof, credential, {forms, why}) {
  if (credential === null) {
    return told('digest', CANNOT_TELL, 'no credential was given, so the proof was not compared with one');
  }
  const same = forms.find(isOf(proof));
  if (same) {
    return nothingAdded(credential, same);
  }
  if (why !== null) {
    return told('digest', CANNOT_TELL, why);
  }
  const tried = forms.map(form => `${toHex(form.digest)} (${form.canonicalization})`).join(', ') || 'none, the file has no digest';
  return told('digest', FAILED, `the proof is of ${toHex(proof.digest)}; the credential has ${tried}`);
}

const isOf = proof => form => equal(form.digest, proof.digest);

const OF_TOKENS = ['jws-json', 'jws-compact', 'sd-jwt-issuer'];

/** Whether a token has more than is covered: what the notes of its form say. Of other forms they tell of proofs alone. */
function isInPart(proof, {forms}) {
  const {canonicalization, notes = []} = forms.find(isOf(proof)) ?? {};
  return OF_TOKENS.includes(canonicalization) && notes.length > 0;
}

/** What the rule leaves out may differ, and yet anybody could have added to it: it must be what its kind allows. */
async function nothingAdded(credential, {canonicalization, notes}) {
  try {
    if (canonicalization === 'sd-jwt-issuer') {
      await checkDisclosures(readSdJwt(credential, LIMITS), credential);
    }
    const proofs = canonicalization === 'jcs' ? embeddedProofs(credential) : [];
    if (proofs.length > MAX_PROOFS) {
      throw untold(`${proofs.length} anchor proofs stand inside; at most ${MAX_PROOFS} are read`);
    }
    for (const proof of proofs) {
      await requireProofAlone(proof);
    }
  } catch (added) {
    if (!(added instanceof StatusListError)) {
      throw added;
    }
    return told('digest', added.code === RETRIEVAL ? CANNOT_TELL : FAILED, added.message);
  }
  return told('digest', PASSED, [`the credential has the proof's digest under ${canonicalization}`, ...notes].join('; '));
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

/** What may be said of the credential, in one sentence. */
function statementOf(proof, checks, anchor, validity) {
  const outcomes = Object.fromEntries(checks.map(one => [one.check, one.outcome]));
  const failed = checks.filter(one => one.outcome === FAILED).map(one => one.check);
  if (failed.length) {
    return `does not hold: ${failed.join(', ')} failed`;
  }
  if (anchor === null || ['path', 'registry', 'root'].some(name => outcomes[name] !== PASSED)) {
    return `said to be anchored by ${proof.issuer}; not compared with a ledger${saidOfValidity(validity)}`;
  }
  if (outcomes.digest !== PASSED) {
    const finality = outcomes.finality === PASSED ? '' : '; finality not shown';
    return `the proof's digest was anchored by ${proof.issuer} not later than ${anchor.anchoredAt}; not compared with the file${finality}`;
  }
  const isShown = (...names) => names.some(name => outcomes[name] === PASSED);
  const notShown = [['finality', ['finality']], ['authorship', ['issuer-match', 'credential-signature']], ['status', ['status']]]
    .filter(([, names]) => !isShown(...names)).map(([what]) => `; ${what} not shown`);
  return `anchored by ${proof.issuer}, existed not later than ${anchor.anchoredAt}${notShown.join('')}${saidOfValidity(validity)}`;
}

function checkRoot(proof, {pinned, evidence, why}) {
  if (evidence === null) {
    return told('root', CANNOT_TELL, pinned === null ? 'no contract is pinned to read the root from' : why);
  }
  const {anchor, source} = evidence, claim = proof.anchor;
  if (anchor === null) {
    return evidence.headNumber < claim.blockNumber
      ? told('root', CANNOT_TELL, `${source} has not come to block ${claim.blockNumber} yet: ask again, or another node`)
      : told('root', FAILED, `root ${toHex(proof.root)} is not anchored at ${pinned.text}, says ${source}`);
  }
  if (anchor.leafCount !== 0 && anchor.leafCount !== proof.treeSize) {
    return told('root', FAILED, `the root was anchored for ${anchor.leafCount} leaves, the proof is of ${proof.treeSize}`);
  }
  const pairs = [
    ['sequence', claim.sequence, anchor.sequence],
    ['transaction', toHex(claim.transaction), anchor.transaction],
    ['block', claim.blockNumber, anchor.blockNumber],
    ['block hash', toHex(claim.blockHash), evidence.blockHash],
    ['time', claim.anchoredAt, anchor.anchoredAt]
  ];
  const differences = pairs.filter(([, claimed, found]) => claimed !== found).map(([what, claimed, found]) => `${what} is ${found}, not ${claimed}`);
  if (differences.length) {
    return told('root', FAILED, `${source} differs from the proof: ${differences.join('; ')}`);
  }
  const stated = anchor.leafCount ? '' : '; the ledger does not state the leaf count, it was taken from the proof';
  return told('root', PASSED, `anchored by ${anchor.anchoredBy} in block ${anchor.blockNumber} at ${anchor.anchoredAt}, says ${source}${stated}`);
}

function checkFinality({pinned, evidence, why}) {
  if (evidence === null) {
    return told('finality', CANNOT_TELL, pinned === null ? 'no contract is pinned to read the block from' : why);
  }
  if (evidence.anchor === null) {
    return told('finality', CANNOT_TELL, 'the root is not anchored');
  }
  if (evidence.finalHeight === null) {
    return told('finality', CANNOT_TELL, evidence.finality);
  }
  const block = evidence.anchor.blockNumber;
  return block > evidence.finalHeight
    ? told('finality', CANNOT_TELL, `block ${block} is not final yet by ${evidence.finality}: try again later`)
    : told('finality', PASSED, `block ${block} is final by ${evidence.finality}`);
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

/** The same, and of an SD-JWT with what is disclosed in its places. */
async function shownClaims(body) {
  const claims = claimsOf(body);
  return contentOf(body) === SD_JWT ? disclosedClaims(readSdJwt(body, LIMITS), body) : claims;
}

/** The claims, or null where the file cannot be read. */
export function readableClaims(body) {
  try {
    return claimsOf(body);
  } catch (refused) {
    if (refused instanceof Refused) {
      return null;
    }
    throw refused;
  }
}

/** The members `iss`, `issuer` and `vc.issuer` that name somebody, and whom: any value. An object without `id` names nobody. */
function namedIssuers(claims) {
  const places = [['iss', claims, 'iss'], ['issuer', claims, 'issuer'], ['vc.issuer', claims.get('vc'), 'issuer']];
  return places.filter(([, holder, name]) => holder instanceof Map && holder.has(name)).map(([place, holder, name]) => [place, holder.get(name)])
    .filter(([, value]) => !(value instanceof Map) || value.has('id')).map(([place, value]) => [place, value instanceof Map ? value.get('id') : value]);
}

/** Whom a file names as its issuer, by its own words: {claimed}, undefined where nobody; or {fault}. Nothing is verified here. */
export function claimedIssuer(credential) {
  const claims = readableClaims(credential), named = claims === null ? [] : namedIssuers(claims);
  const odd = named.find(([, value]) => typeof value !== 'string');
  if (odd) {
    return {fault: `${odd[0]}: an issuer is a string, or an object with a string id`};
  }
  const [claimed, ...others] = new Set(named.map(([, value]) => value));
  return others.length ? {fault: `${named.map(([place]) => place).join(', ')}: the credential names different issuers`} : {claimed};
}

/** Whether a name means something inside its file only. */
function isLocal(name) {
  return !/^[A-Za-z][A-Za-z0-9+.-]*:/.test(name) || name.toLowerCase().startsWith('urn:epass:');
}

export function checkIssuer(proof, credential) {
  if (credential === null) {
    return told('issuer-match', CANNOT_TELL, 'no credential was given');
  }
  const {claimed, fault} = claimedIssuer(credential);
  if (fault) {
    return told('issuer-match', FAILED, fault);
  }
  if (claimed === undefined) {
    return told('issuer-match', CANNOT_TELL, 'the file names no issuer that can be read');
  }
  if (claimed === proof.issuer) {
    return told('issuer-match', PASSED, `the credential names ${claimed} as its issuer, and so does the proof`);
  }
  return isLocal(claimed)
    ? told('issuer-match', CANNOT_TELL, `the credential names its issuer ${claimed}, a name with no meaning outside it`)
    : told('issuer-match', FAILED, `the credential names ${claimed}, it was anchored by ${proof.issuer}`);
}

/** The same, and of what is disclosed as well. */
async function checkOwnIssuer(proof, credential) {
  const other = credential === null || claimedIssuer(credential).fault ? null : await otherIssuerDisclosed(credential);
  return other === null ? checkIssuer(proof, credential) : told('issuer-match', FAILED, other);
}

// When a credential is valid by its own words (VC Data Model 2.0 section 4.9, RFC 7519 section 4.1): nothing is verified here

const BEGINS = ['validFrom', 'issuanceDate', 'issued'], ENDS = ['validUntil', 'expirationDate'], BADGE_BEGINS = ['issuedOn'], BADGE_ENDS = ['expires'], DAY = /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/;

/**
 * {validity, isOfToken}, where validity is {state, validFrom, validUntil}. `state`: `over`, `early` before it begins, `unclear` where a time is
 * said that cannot be read, or null. `validFrom`, `validUntil`: times in UTC, or null. `isOfToken`: whether its token alone says so.
 * `credential`: bytes or null. `now`: in microseconds. Of several times the strictest counts, in credentials as in their tokens.
 *
 * A day counts from its beginning or to its end, and what names no zone is in UTC. Open Badges 2 has names of its own.
 */
export async function readableValidity(credential, now) {
  let claims = null;
  try {
    claims = credential && await shownClaims(credential);
  } catch (refused) {
    asRefused(refused); // what cannot be read says nothing
  }
  const documents = [claims, claims?.get('vc')].filter(one => one instanceof Map);
  const badges = documents.filter(one => [one.get('type')].flat().includes('Assertion'));
  const said = (names, read, of = documents) => of.flatMap(one => names.map(name => one.get(name)).filter(one => one != null).map(read));
  const [first, last] = ['00:00:00', '23:59:59'].map(ofDay => value => wholeMoment(value, ofDay));
  const begins = [...said(BEGINS, first), ...said(BADGE_BEGINS, first, badges)], ends = [...said(ENDS, last), ...said(BADGE_ENDS, last, badges)];
  const token = [said(['nbf', 'iat'], momentOfSeconds), said(['exp'], momentOfSeconds)];
  const validity = strictest([...begins, ...token[0]], [...ends, ...token[1]], now);
  return {validity, isOfToken: validity.state !== null && strictest(...token, now).state === validity.state};
}

function strictest(begins, ends, now) {
  const most = (moments, isStricter) => moments.filter(one => one !== null).reduce((one, other) => one !== null && isStricter(one, other) ? one : other, null);
  const from = most(begins, (one, other) => one > other), until = most(ends, (one, other) => one < other);
  const state = until !== null && until <= now ? 'over' : from !== null && from > now + SKEW ? 'early'
    : [...begins, ...ends].includes(null) ? 'unclear' : null;
  return {state, validFrom: from && formatMoment(from), validUntil: until && formatMoment(until)};
}

function wholeMoment(value, ofDay) {
  const moment = typeof value !== 'string' ? null : momentOrUtc(DAY.test(value) ? `${value}T${ofDay}Z` : value);
  return moment === null ? null : wholeSeconds(moment);
}

function momentOfSeconds(value) {
  const seconds = numberOf(value);
  return typeof seconds === 'number' && seconds > 0 && seconds <= LAST_SECOND ? BigInt(Math.floor(seconds)) * SECOND : null;
}

/** What a statement adds of it; nothing while the credential is valid. */
function saidOfValidity({state, validFrom, validUntil}) {
  const said = {
    over: `; by its own words it expired at ${validUntil}`, early: `; by its own words it is valid from ${validFrom} only`,
    unclear: '; when it is valid cannot be read'
  };
  return said[state] ?? '';
}

/** What every list says that speaks of the credential: those that it names, and the two that follow from its batch. */
async function checkStatus(proof, credential, forms, ledger, lists, now) {
  const judged = (place, issuer) => place.outcome ? place : judgePlace(place, issuer, ledger, lists, now);
  const found = [];
  for (const place of credential === null ? [notTold('no credential was given, so the lists that it names are not known')] : await namedPlaces(credential)) {
    found.push(await judged(place, issuerOf(proof, credential)));
  }
  const why = ofAnother(proof, credential, forms);
  if (why !== null) {
    return [...found, notTold(why)];
  }
  const unknown = ledger.evidence === null ? ledger.why : await whyPlaceIsNotKnown(proof, ledger.evidence.anchor);
  for (const place of await batchPlaces(proof)) {
    found.push(unknown === null ? await judged(place, proof.issuer) : notTold(unknown, place));
  }
  return found;
}

async function judgePlace(place, issuer, {node, pinned, head, why}, lists, now) {
  // The head before the list: a list that is got later can only be as new, or newer.
  const isOurs = place.listId !== null;
  const shown = !isOurs ? {why: 'the ledger has heads of lists of this software only'} : head ? await headShown(node, pinned, head, place.listId) : {why};
  const isNeeded = !isOurs || (!shown.why && (shown.head !== null || place.namedAt !== null));
  const served = isNeeded ? await lists.served(place, issuer, false) : null;
  const found = await judge(place, shown, served, now);
  if (found.publishedAt === null || found.basis !== null) {
    return found;
  }
  // It has a head and tells nothing by it: a cache on the way may hold an old list.
  const again = await lists.served(place, issuer, true);
  return again.list ? judge(place, shown, again, now) : found;
}

/** Who may sign the lists that a credential names: whom it names as its issuer, or else the proof's. */
function issuerOf(proof, credential) {
  if (credential === null) {
    return proof.issuer;
  }
  const {claimed, fault} = claimedIssuer(credential);
  return !fault && claimed && !isLocal(claimed) && isDid(claimed) ? claimed : proof.issuer;
}

/** Why the proof says nothing of this credential: anyone can anchor another's credential in a batch of his own. */
function ofAnother(proof, credential, {forms, why}) {
  if (credential === null) {
    return null;
  }
  if (!forms.some(isOf(proof))) {
    return `${why ?? 'the proof is of another credential'}, so the list that follows from the credential's batch is not known`;
  }
  const {claimed, fault} = claimedIssuer(credential);
  if (fault) {
    return fault;
  }
  return claimed === undefined || isLocal(claimed) || claimed === proof.issuer
    ? null : `the credential is of ${claimed} and was anchored by ${proof.issuer}, who cannot say that it is revoked`;
}

/** Why the place in the batch may be wrong: the path must hold, and it binds the index only together with the number of leaves. */
async function whyPlaceIsNotKnown(proof, anchor) {
  if (await faultOfPath(proof) !== null) {
    return "the proof's path does not hold, so the credential's place in the batch is not known";
  }
  if (anchor === null) {
    return `root ${toHex(proof.root)} is not on the ledger, so there is no list that follows from its batch`;
  }
  if (anchor.leafCount === 0) {
    return "the ledger does not state how many leaves the batch has, so the credential's place in it is the prover's word";
  }
  return anchor.leafCount === proof.treeSize
    ? null : `the batch has ${anchor.leafCount} leaves and the proof is of ${proof.treeSize}, so the place in it is not known`;
}
