/** What a reader gives: files, photos of QR codes, pasted text. */
import {readPermalink, tokenIn} from './judgement.js';
import {canonicalCandidates, isProof, latin1, parseJson, Refused, toHex} from './verify.js';

export const MAX_MB = 100;
const LONGEST_TOKEN = 2 ** 20, LONGEST_PROOF = 2 ** 18, JSON_OBJECT = /^\s*\{/;
const MERKLETOOLS = ['targetHash', 'merkleRoot', 'proof'], OTHER_PROOFS = ['Chainpoint', 'MerkleProof2019'];

/** {files, proofs}: [{name, bytes}] each; or {fault}, a key of the messages. */
export async function readFiles(given) {
  const read = [];
  for (const file of given) {
    if (file.size > MAX_MB * 1024 * 1024) {
      return {fault: 'huge'};
    }
    try {
      read.push({name: file.name, bytes: asMeant(new Uint8Array(await file.arrayBuffer()))});
    } catch {
      return {fault: 'read'};
    }
  }
  const proofs = read.length > 1 ? read.filter(one => isAnyProof(one.bytes)) : [];
  const files = read.filter(one => !proofs.includes(one));
  return files.length ? {files, proofs} : {files: proofs.slice(0, 1), proofs: []};
}

/** A token in a file is read as a pasted one is: with line breaks, in quotes. */
function asMeant(bytes) {
  const token = bytes.length > LONGEST_TOKEN ? null : tokenIn(new TextDecoder().decode(bytes));
  return token === null ? bytes : new TextEncoder().encode(token);
}

/** The credential as it is checked: {bytes, name, proofs, isProofLeft}. One alone takes whatever proof came along, so that a wrong one is said. */
export async function withProof({name, bytes}, proofs, isAlone) {
  const digests = proofs.length ? (await canonicalCandidates(bytes)).map(form => toHex(form.digest)) : [];
  const fitting = proofs.filter(one => digests.includes(digestIn(one.bytes)));
  const taken = fitting.length || !isAlone ? fitting : proofs.filter(one => isProof(one.bytes)).slice(0, 1);
  return {bytes, name, proofs: taken.map(one => one.bytes), isProofLeft: isAlone && proofs.some(one => !taken.includes(one))};
}

function digestIn(proof) {
  try {
    return `0x${String(JSON.parse(new TextDecoder().decode(proof)).digest).toLowerCase().replace('0x', '')}`;
  } catch {
    return null; // what is wrong with it is said where it is read
  }
}

/** The address in a photo of a QR code, where the browser reads such codes. */
export async function linkInPicture(file) {
  if (!file.type.startsWith('image/') || !('BarcodeDetector' in globalThis)) {
    return null;
  }
  try {
    const codes = await new BarcodeDetector({formats: ['qr_code']}).detect(await createImageBitmap(file));
    return codes.map(one => one.rawValue).find(one => readPermalink(one, location.origin)) ?? null;
  } catch {
    return null; // then it is a file like any other
  }
}

/** Whether a file is a proof and no credential: ours, or as `credanchor proof convert` writes it in JSON, which is not read here. */
export function isAnyProof(bytes) {
  if (isProof(bytes)) {
    return true;
  }
  const found = bytes.length > LONGEST_PROOF ? null : JSON_OBJECT.test(latin1(bytes.subarray(0, 64))) && parsedOrNull(bytes);
  return found instanceof Map && (MERKLETOOLS.every(name => found.has(name)) || OTHER_PROOFS.includes(found.get('type')));
}

function parsedOrNull(bytes) {
  try {
    return parseJson(bytes);
  } catch (refused) {
    if (refused instanceof Refused) {
      return null;
    }
    throw refused;
  }
}
