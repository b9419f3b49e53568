/**
 * A proof inside a PDF, in the hidden field that `credanchor proof prepare` made and `credanchor proof embed` filled (docs/verification.md,
 * section 1). `verify` and `embeddedProof` load this module for PDF files.
 *
 * Anchored are the bytes of the file as it was issued. To fill the field appends to them. What follows is read here to the last byte, and
 * only as our own command writes it: one object, the field, with everything as it was but its value; and the table that says where that
 * stands. Nothing of it can show. Whatever else follows, such as a seal, takes a reader of the whole format: that is *cannot tell*.
 */

import {equal, latin1, parseJson, Refused, requireProofAlone, sha256, StatusListError} from './verify.js';

const MOST_REVISIONS = 64, MOST_SECTION_BYTES = 16 * 1024 * 1024, MOST_ADDED_BYTES = 1024 * 1024;
const END = [...'%%EOF'].map(one => one.charCodeAt(0));

/** The value of the field as it is written: letters, digits and octal escapes, so that it can hold nothing that ends or begins anything. */
const VALUE = '((?:[A-Za-z0-9]|\\\\[0-7]{3})*)';
const field = value => new RegExp(
  '^(\\d{1,7}) 0 obj\\n<<\\n/Type /Annot\\n/Subtype /Widget\\n/FT /Tx\\n/T \\(CredentialAnchorProof\\)\\n' +
  `/V \\(${value}\\)\\n/F 2\\n/Rect \\[ 0 0 0 0 \\]\\n/P (\\d{1,7} 0 R)\\n>>\\nendobj\\n`);
const FILLED = field(VALUE), EMPTY = field('()');

/** What cannot be read here, and so cannot be told. */
class Unread extends Error {}

/** The anchor proof in the field of a PDF, as it was parsed and otherwise unread; null where there is none. The last one counts. */
export function proofInPdf(body) {
  const name = [...'/T (CredentialAnchorProof)\n/V ('].map(one => one.charCodeAt(0));
  let at = lastPlaceOf(name, body, Math.max(0, lastPlaceOf(END, body, body.length))); // what no end follows was cut off
  for (let n = 0; at >= 0 && n < MOST_REVISIONS; n += 1) {
    const text = latin1(body.subarray(at + name.length, at + name.length + MOST_ADDED_BYTES));
    const [, value = ''] = new RegExp(`^${VALUE}\\)`).exec(text) ?? [], found = value && parsed(value);
    if (found) {
      return found;
    }
    at = lastPlaceOf(name, body, at);
  }
  return null;
}

function parsed(value) {
  const text = value.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(parseInt(octal, 8) & 255));
  try {
    return parseJson(Uint8Array.from(text, one => one.charCodeAt(0)));
  } catch (refused) {
    if (refused instanceof Refused) {
      return null;
    }
    throw refused;
  }
}

function lastPlaceOf(bytes, body, before) {
  for (let at = body.subarray(0, before).lastIndexOf(bytes[0]); at >= 0; at = body.subarray(0, at).lastIndexOf(bytes[0])) {
    if (bytes.every((byte, i) => body[at + i] === byte)) {
      return at;
    }
  }
  return -1;
}

/**
 * The beginning of a longer PDF that has this digest: {form} where what follows only fills the field, {why} where that cannot be told;
 * null where no revision of the file has the digest.
 */
export async function laterForm(body, digest) {
  for (const length of endsOf(body)) {
    if (!equal(await sha256(body.subarray(0, length)), digest)) {
      continue;
    }
    const beginning = `its first ${length} bytes have the proof's digest, and what follows`;
    try {
      await requireFilling(body, length);
    } catch (failed) {
      if (failed instanceof Unread) {
        return {why: `${beginning} ${failed.message}: this verifier cannot tell whether it shows, credanchor proof verify can`};
      }
      throw failed;
    }
    const note = `it is that of the first ${length} bytes; what follows shows nothing`;
    return {form: {canonicalization: 'raw', data: body.subarray(0, length), digest, notes: [note]}};
  }
  return null;
}

/** Where a revision may end, without the end of the file. */
function* endsOf(body) {
  let seen = 0;
  for (let at = body.indexOf(END[0]); at >= 0 && seen < MOST_REVISIONS; at = body.indexOf(END[0], at + 1)) {
    if (!END.every((byte, i) => body[at + i] === byte)) {
      continue;
    }
    seen += 1;
    const end = at + END.length, line = body[end] === 0x0d ? body[end + 1] === 0x0a ? 2 : 1 : body[end] === 0x0a ? 1 : 0;
    yield* new Set([end, end + line].filter(one => one < body.length));
  }
}

/** Throws Unread unless all that follows is our field, filled. */
async function requireFilling(body, length) {
  if (body.length - length > MOST_ADDED_BYTES) {
    throw new Unread('is more than a proof');
  }
  const added = latin1(body.subarray(length)), begin = /^(?:\r?\n)?/.exec(added)[0].length, filled = FILLED.exec(added.slice(begin));
  if (filled === null) {
    throw new Unread('is more than a proof in its field');
  }
  const [object, number, value, page] = filled, at = length + begin, tableAt = at + object.length, rest = added.slice(begin + object.length);
  const before = await lastSection(body, length), stands = await placeOf(Number(number), before, body, length);
  const issued = EMPTY.exec(latin1(body.subarray(stands, stands + 1024)));
  if (!value || issued === null || issued[1] !== number || issued[3] !== page) {
    throw new Unread('does not fill the field that was made for it');
  }
  await requireProof(value);
  const table = rest.startsWith('xref') ? tableIn(rest) : await streamIn(rest, tableAt, before.size);
  const sizes = table.own === undefined ? [before.size, before.size + 1] : [table.own + 1];
  const isRight = table.prev === before.at && table.root === before.root && table.info === before.info && table.startxref === tableAt &&
    table.entries.size === 1 && table.entries.get(Number(number)) === at;
  if (!isRight || !sizes.includes(table.size)) {
    throw new Unread('is not as it is written when a proof is put in');
  }
}

/** Throws Unread where the field is filled with anything but a proof. */
async function requireProof(value) {
  const found = parsed(value);
  if (found === null) {
    throw new Unread('fills the field with no proof');
  }
  try {
    await requireProofAlone(found);
  } catch (added) {
    throw added instanceof StatusListError ? new Unread(`fills the field with more than a proof (${added.message})`) : added;
  }
}

// What our command writes behind the field

const ENTRIES = /^(\d{10}) (\d{5}) ([fn]) $/, TAIL = /^startxref\n(\d{1,10})\n%%EOF\n?$/;
const SECTION = {
  ID: /^\[ <[0-9a-f]*> <[0-9a-f]*> \]$/, Info: /^\d{1,7} 0 R$/, Root: /^\d{1,7} 0 R$/, Size: /^\d{1,7}$/, Prev: /^\d{1,10}$/,
  W: /^\[ 1 8 2 \]$/, Type: /^\/XRef$/, Filter: /^\/FlateDecode$/, Index: /^\[(?: \d{1,7} \d{1,7})+ \]$/, Length: /^\d{1,7}$/
};

/** A cross-reference table with its trailer, to the end of the file. */
function tableIn(text) {
  const match = /^xref\n((?:[^\n]*\n)*?)trailer\n<<\n((?:\/[^\n]*\n)*)>>\n(startxref\n[^]*)$/.exec(text);
  if (match === null) {
    throw new Unread('has no table that is read here');
  }
  const entries = new Map(), lines = match[1].split('\n').slice(0, -1);
  while (lines.length) {
    const [, first, count] = /^(\d{1,7}) (\d{1,4})$/.exec(lines.shift()) ?? [];
    for (let number = Number(first); number < Number(first) + Number(count); number += 1) {
      const [, offset, generation, kind] = ENTRIES.exec(lines.shift() ?? '') ?? [];
      if (kind === 'f' ? number !== 0 || offset + generation !== '000000000065535' : generation !== '00000') {
        throw new Unread('says where other objects stand');
      }
      if (kind === 'n') {
        entries.set(number, Number(offset));
      }
    }
    if (first === undefined) {
      throw new Unread('has no table that is read here');
    }
  }
  return sectionOf(match[2], match[3], entries, ['Root', 'Size', 'Prev'], ['ID', 'Info']);
}

/** A cross-reference stream, to the end of the file: a new object, with a number that none had among so many. */
async function streamIn(text, at, size) {
  const head = /^(\d{1,7}) 0 obj\n<<\n((?:\/[^\n]*\n)*)>>\nstream\n/.exec(text);
  const length = Number(/^\/Length (\d{1,7})$/m.exec(head?.[2] ?? '')?.[1]), end = head && head[0].length + length;
  const [, tail] = /^\nendstream\nendobj\n\n?(startxref\n[^]*)$/.exec(text.slice(end ?? 0)) ?? [];
  const own = Number(head?.[1]);
  if (!head || !tail || own < size) {
    throw new Unread('has no table that is read here');
  }
  const section = sectionOf(head[2], tail, new Map(), ['Root', 'Size', 'Prev', 'W', 'Type', 'Filter', 'Index', 'Length'], ['ID', 'Info']);
  const content = await inflated(text.slice(head[0].length, end)), widths = [1, 8, 2];
  // In so few bytes there is room for these entries and nothing else.
  if (length > 64 || content.length !== 11 * section.index.filter((_, i) => i % 2).reduce((one, other) => one + other, 0)) {
    throw new Unread('has no table that is read here');
  }
  for (const [number, [kind, offset, last]] of entriesOf(content, widths, section.index)) {
    const isOfItself = number === own && offset === at, isNone = number === 0 && kind === 0 && offset === 0;
    if (kind === 1 && last === 0 && !isOfItself) {
      section.entries.set(number, offset);
    } else if (!isOfItself && !isNone) {
      throw new Unread('says where other objects stand');
    }
  }
  return {...section, own};
}

function sectionOf(dictionary, tail, entries, needed, allowed) {
  const members = new Map();
  for (const line of dictionary.split('\n').slice(0, -1)) {
    const [, name, value] = /^\/([A-Za-z]+) (.*)$/.exec(line) ?? [];
    if (!(needed.includes(name) || allowed.includes(name)) || members.has(name) || !SECTION[name].test(value)) {
      throw new Unread('has a trailer that is not read here');
    }
    members.set(name, value);
  }
  const startxref = TAIL.exec(tail);
  if (startxref === null || !needed.every(name => members.has(name))) {
    throw new Unread('does not end as it should');
  }
  const index = (members.get('Index') ?? '').split(/[^0-9]+/).filter(Boolean).map(Number);
  const [size, prev] = ['Size', 'Prev'].map(name => Number(members.get(name)));
  return {entries, index, size, prev, root: members.get('Root'), info: members.get('Info') ?? null, startxref: Number(startxref[1])};
}

// Where an object stands in the file as it was issued (ISO 32000-2, 7.5.4, 7.5.5 and 7.5.8): that file is its issuer's, not an attacker's

/** The section that the issued file ends with: {at, text, root, info, size, prev}. */
async function lastSection(body, length) {
  const found = /startxref[\r\n ]+(\d{1,10})[\r\n ]+%%EOF[\r\n]*$/.exec(latin1(body.subarray(Math.max(0, length - 64), length)));
  if (found === null) {
    throw new Unread('goes on from a file whose end is not read here');
  }
  return sectionAt(Number(found[1]), body, length);
}

function sectionAt(at, body, length) {
  const text = textUntil(/startxref|stream/, body.subarray(0, length), at), isTable = text.startsWith('xref');
  const dictionary = isTable ? text.slice(text.indexOf('trailer'), text.indexOf('startxref')) : text.slice(0, text.indexOf('stream'));
  const reference = name => new RegExp(`/${name}\\s+(\\d{1,7}) 0 R`).exec(dictionary)?.[0].replace(/^\S+\s+/, '') ?? null;
  const number = name => Number(new RegExp(`/${name}\\s+(\\d{1,10})(?![\\d ]* R)`).exec(dictionary)?.[1] ?? -1);
  if (!(at < length) || !/^(?:xref\s|\d+ \d+ obj\s)/.test(text) || /\/(?:Encrypt|XRefStm)\b/.test(dictionary)) {
    throw new Unread('goes on from a file whose tables are not read here');
  }
  return {at, text, isTable, dictionary, root: reference('Root'), info: reference('Info'), size: number('Size'), prev: number('Prev')};
}

/** As much of a file from here as it takes for this to stand in it. */
function textUntil(what, body, at) {
  for (let size = 2 ** 14; size < MOST_SECTION_BYTES; size *= 4) {
    const text = latin1(body.subarray(at, at + size));
    if (what.test(text) || text.length < size) {
      return text;
    }
  }
  throw new Unread('goes on from a file whose tables are too long to be read here');
}

/** Where the newest revision of an object stands; in sections as long as there are any before. */
async function placeOf(object, newest, body, length) {
  for (let section = newest, n = 0; n < MOST_REVISIONS; n += 1) {
    const place = section.isTable ? placeInTable(object, section.text) : await placeInStream(object, section, body);
    if (place !== null) {
      return place;
    }
    if (section.prev < 0) {
      break;
    }
    section = sectionAt(section.prev, body, length);
  }
  throw new Unread('fills a field that is not found in them');
}

function placeInTable(object, text) {
  const subsection = /(\d{1,10})[ ]+(\d{1,7})[ ]*\r?\n?/y;
  let at = /^xref\s+/.exec(text)[0].length;
  for (;;) {
    subsection.lastIndex = at;
    const found = subsection.exec(text);
    if (found === null) {
      return null;
    }
    const [first, count] = [Number(found[1]), Number(found[2])], start = subsection.lastIndex;
    if (object >= first && object < first + count) {
      const entry = /^(\d{10}) 00000 n/.exec(text.slice(start + 20 * (object - first), start + 20 * (object - first) + 18));
      if (entry === null) {
        throw new Unread('fills a field that is not in use');
      }
      return Number(entry[1]);
    }
    at = start + 20 * count;
  }
}

async function placeInStream(object, {at, text, dictionary, size}, body) {
  const numbers = name => new RegExp(`/${name}\\s*\\[([\\d\\s]*)\\]`).exec(dictionary)?.[1].trim().split(/\s+/).map(Number);
  const length = Number(/\/Length\s+(\d{1,9})(?!\s+\d+\s+R)/.exec(dictionary)?.[1]), widths = numbers('W');
  if (!/\/Type\s*\/XRef\b/.test(dictionary) || widths?.length !== 3 || !length || !/\/Filter\s*\[?\s*\/FlateDecode/.test(dictionary)) {
    throw new Unread('goes on from a file whose tables are not read here');
  }
  const start = at + /stream\r?\n/.exec(text.slice(dictionary.length))[0].length + dictionary.length;
  const content = await inflated(latin1(body.subarray(start, start + length)));
  const predictor = Number(/\/Predictor\s+(\d+)/.exec(dictionary)?.[1] ?? 1);
  const plain = predictor < 10 ? content : unfiltered(content, widths.reduce((one, other) => one + other));
  for (const [number, [kind, offset, last]] of entriesOf(plain, widths, numbers('Index') ?? [0, size])) {
    if (number === object) {
      if (kind !== 1 || last !== 0 || predictor === 2) {
        throw new Unread('fills a field whose place is not read here');
      }
      return offset;
    }
  }
  return null;
}

/** Numbers of objects with the three fields of their entries. */
function* entriesOf(content, widths, index) {
  let at = 0;
  const next = (width, absent) => {
    const found = width ? content.subarray(at, at + width).reduce((number, byte) => 256 * number + byte, 0) : absent;
    at += width;
    return found;
  };
  for (let i = 0; i + 1 < index.length; i += 2) {
    for (let number = index[i]; number < index[i] + index[i + 1] && at < content.length; number += 1) {
      yield [number, [next(widths[0], 1), next(widths[1], 0), next(widths[2], 0)]];
    }
  }
}

/** Rows of which each says what was done to it (PNG, section 9): nothing, or the row above taken off. */
function unfiltered(content, width) {
  const rows = new Uint8Array(Math.floor(content.length / (width + 1)) * width);
  for (let row = 0; row * width < rows.length; row += 1) {
    const kind = content[row * (width + 1)];
    if (kind !== 0 && kind !== 2) {
      throw new Unread('goes on from a file whose tables are not read here');
    }
    for (let i = 0; i < width; i += 1) {
      const above = kind === 2 && row > 0 ? rows[(row - 1) * width + i] : 0;
      rows[row * width + i] = content[row * (width + 1) + 1 + i] + above;
    }
  }
  return rows;
}

async function inflated(text) {
  const stream = new Blob([Uint8Array.from(text, one => one.charCodeAt(0))]).stream().pipeThrough(new DecompressionStream('deflate'));
  try {
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch {
    throw new Unread('goes on from a file whose tables are not read here');
  }
}
