/**
 * What proves an anchor without a node: the header of its block, and proofs under it (docs/proof-format.md, section 8).
 *
 * `verifyOffline` loads this module, and with it the two of ./noble, which have what WebCrypto lacks: Keccak-256 and the recovery of
 * keys of secp256k1. The block's hash commits to the header, the header to the roots of receipts and state, and these to the event of
 * our contract and to the word of its storage (Ethereum yellow paper, section 4.3 and appendices B and D).
 */

import {keccak_256 as keccak} from './noble/keccak.js';
import {recoverPublicKey} from './noble/secp256k1.js';
import {concat, equal, fromHex, malformed, NoEvidence, ROOT_ANCHORED, timeOf, toHex} from './verify.js';

const HEADER_MAX_BYTES = 16 * 1024, NODES_MAX = 64, NODE_MAX_BYTES = 128 * 1024, RECEIPTS_MAX = 2 ** 20;

/** Keccak-256 of the code that our contract has at its address. */
export const CODE_KECCAK = '0x95da3e2a26e1188c4a96d234b8c6e3ae708e5b0b2eb252726f863ae3fa79154b';

/** `members`: of a proof, at its member `bundle`. Answers {header, index, receipt, state: {account, storage} or null} in bytes. */
export function readBundle(members) {
  members.oneOf('type', ['AnchorBundle']);
  members.integer('version', 1, 1);
  const proofs = members.value.get('state') == null ? null : members.object('state');
  return {
    state: proofs && {account: nodesAt(proofs, 'account'), storage: nodesAt(proofs, 'storage')},
    header: hexAt(members.text('header'), HEADER_MAX_BYTES, `${members.at}.header`),
    index: members.integer('transactionIndex', 0, RECEIPTS_MAX),
    receipt: nodesAt(members, 'receipt')
  };
}

function nodesAt(members, name) {
  const value = members.value.get(name), at = `${members.at}.${name}`;
  if (!Array.isArray(value) || !value.length || value.length > NODES_MAX || !value.every(one => typeof one === 'string')) {
    throw malformed(`must be an array of 1 to ${NODES_MAX} strings`, at);
  }
  return value.map((text, i) => hexAt(text, NODE_MAX_BYTES, `${at}[${i}]`));
}

function hexAt(text, most, at) {
  if (text.length > 2 + 2 * most || !/^0x(?:[0-9a-f]{2})+$/.test(text)) {
    throw malformed(`must be 0x and lower-case hexadecimal digits, at most ${most} bytes`, at);
  }
  return fromHex(text);
}

/**
 * What the bundle proves of a root under a block that the verifier named, or that the ledger's validators sealed.
 *
 * `blockHash`: bytes, or null. `validators`: all of the ledger's, as lower-case accounts; none where the hash alone counts. Answers as
 * `gatherEvidence` does. Throws NoEvidence: whoever made the bundle may have taken another block, so nothing follows about the root.
 */
export function evidenceFrom(bundle, {root, anchor: {transaction}}, registry, {blockHash, validators}) {
  try {
    const sealed = validators.length ? requireSeals(bundle.header, validators) : null;
    const hash = blockHash ?? hashOfHeader(bundle.header);
    const anchor = {transaction: toHex(transaction), ...anchorFrom(bundle, root, registry, hash)};
    const chains = blockHash === null ? ', on any chain of theirs: no header says which' : '';
    const shown = bundle.state ? 'receipt and storage' : 'the receipt alone, there is no proof of storage';
    return {
      source: `the bundle by ${shown} (the transaction's hash is the proof's word)`,
      headNumber: anchor.blockNumber, anchor, blockHash: toHex(hash), finalHeight: anchor.blockNumber,
      finality: sealed === null ? 'the block hash that was given' : `the seals of ${sealed} of ${validators.length} validators${chains}`
    };
  } catch (failed) {
    throw failed instanceof NoEvidence ? new NoEvidence(`the bundle does not show it: ${failed.message}`) : failed;
  }
}

function anchorFrom(bundle, root, registry, blockHash) {
  const found = hashOfHeader(bundle.header);
  if (!equal(found, blockHash)) {
    throw new NoEvidence(`the bundle's header is of block ${toHex(found)}, not of ${toHex(blockHash)}`);
  }
  const header = readHeader(bundle.header), number = integer(header[NUMBER]), time = integer(header[TIME]);
  const {sequence, leafCount, anchoredBy} = eventIn(bundle, header[RECEIPTS_ROOT], registry, root);
  if (bundle.state !== null) {
    const word = wordIn(bundle.state, header[STATE_ROOT], registry, root);
    const expected = sequence | time << 64n | number << 128n | leafCount << 192n;
    if (word !== expected) {
      const [held, said] = [word, expected].map(one => `0x${one.toString(16)}`);
      throw new NoEvidence(`the contract's storage holds ${held} for the root, and its event says ${said}`);
    }
  }
  return {
    sequence: plain(sequence), leafCount: plain(leafCount), blockNumber: plain(number), anchoredBy: toHex(anchoredBy), anchoredAt: timeOf(time)
  };
}

/** The event of our contract that anchors the root. */
function eventIn(bundle, receiptsRoot, registry, root) {
  const value = prove(receiptsRoot, encodeRlp(minimal(bundle.index)), bundle.receipt, 'the receipt');
  const receipt = decodeRlp(value[0] < 0xc0 ? value.subarray(1) : value, 'the receipt');
  const [status, , , logs] = receipt, isList = Array.isArray;
  if (!isList(receipt) || receipt.length !== 4 || !isList(logs) || !logs.every(log => isList(log) && log.length === 3 && isList(log[1]))) {
    throw new NoEvidence('the receipt is none');
  }
  for (const [address, topics, data] of logs) {
    const isOurs = toHex(address) === registry.contract && topics.length === 4 && topics.every(one => one instanceof Uint8Array) && equal(status, [1]);
    if (isOurs && toHex(topics[0]) === ROOT_ANCHORED && equal(topics[1], root)) {
      return {sequence: integer(topics[2]), leafCount: integer(data), anchoredBy: topics[3].subarray(-20)};
    }
  }
  throw new NoEvidence(`the receipt shows no event of ${registry.text} that anchors root ${toHex(root)}`);
}

const ANCHORS_SLOT = Uint8Array.from({length: 32}, (_, i) => i === 31 ? 3 : 0);

/** The one word that the contract keeps of the root. */
function wordIn(state, stateRoot, registry, root) {
  const account = decodeRlp(prove(stateRoot, keccak(fromHex(registry.contract)), state.account, 'the account'), 'the account');
  if (!Array.isArray(account) || account.length !== 4) {
    throw new NoEvidence('the account is none');
  }
  const [, , storageRoot, codeHash] = account;
  if (toHex(codeHash) !== CODE_KECCAK) {
    throw new NoEvidence(`the code at ${registry.text} is not the anchor registry of this version: ${toHex(codeHash)}`);
  }
  const value = prove(storageRoot, keccak(keccak(concat(root, ANCHORS_SLOT))), state.storage, 'the storage');
  return integer(decodeRlp(value, 'the storage'));
}

/** A number of at most 32 bytes, big end first. */
function integer(bytes) {
  if (!(bytes instanceof Uint8Array) || bytes.length > 32) {
    throw new NoEvidence('a number in the bundle is none');
  }
  return BigInt(bytes.length ? toHex(bytes) : 0);
}

/** As a number where that is exact: then it may equal what the proof says. */
function plain(value) {
  return value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}

// RLP (yellow paper, appendix B): Uint8Array, or an array of such

const MAX_DEPTH = 16;

/** Strictly: one encoding for each value. Throws NoEvidence. */
function decodeRlp(bytes, what) {
  const wrong = () => new NoEvidence(`${what} is not RLP`);
  const read = (at, depth) => {
    const mark = bytes[at], isList = mark >= 0xc0, short = mark - (isList ? 0xc0 : 0x80);
    if (mark < 0x80) {
      return [bytes.subarray(at, at + 1), at + 1];
    }
    const digits = Math.max(0, short - 55), start = at + 1 + digits;
    const size = digits ? Number(integer(bytes.subarray(at + 1, start))) : short, end = start + size;
    const isShortest = digits ? size > 55 && bytes[at + 1] !== 0 : isList || size !== 1 || bytes[start] >= 0x80;
    if (!(end <= bytes.length) || !isShortest || depth > MAX_DEPTH) {
      throw wrong();
    }
    if (!isList) {
      return [bytes.subarray(start, end), end];
    }
    const items = [];
    for (let next = start; next < end;) {
      const [item, after] = read(next, depth + 1);
      if (after > end) {
        throw wrong();
      }
      items.push(item);
      next = after;
    }
    return [items, end];
  };
  const [value, end] = bytes.length ? read(0, 0) : [null, -1];
  if (end !== bytes.length) {
    throw wrong();
  }
  return value;
}

function encodeRlp(item) {
  if (Array.isArray(item)) {
    return withLength(0xc0, concat(...item.map(encodeRlp)));
  }
  return item.length === 1 && item[0] < 0x80 ? item : withLength(0x80, item);
}

function withLength(mark, content) {
  const size = content.length, digits = minimal(size);
  return concat(size < 56 ? [mark + size] : [mark + 55 + digits.length, ...digits], content);
}

/** A number in as few bytes as it takes; 0 in none. */
function minimal(number) {
  const digits = number ? number.toString(16) : '';
  return fromHex(digits.length % 2 ? `0${digits}` : digits);
}

// Merkle Patricia tries (yellow paper, appendix D)

/** What the trie under this root holds at the key. */
function prove(root, key, nodes, what) {
  const path = nibblesOf(key);
  let found;
  try {
    const known = new Map(nodes.map(node => [toHex(keccak(node)), nodeIn(decodeRlp(node, what))]));
    found = valueAt(known, root, path);
  } catch (failed) {
    throw failed instanceof NoEvidence ? new NoEvidence(`${what} does not follow from the block`) : failed;
  }
  if (!found.length) {
    throw new NoEvidence(`${what} is proved not to be there`);
  }
  return found;
}

/** Whether it is one: nothing, a part of a path with what follows, or sixteen children and a value. Throws NoEvidence. */
function nodeIn(item) {
  const isBytes = one => one instanceof Uint8Array;
  const isChild = one => isBytes(one) ? !one.length || one.length === 32 : nodeIn(one);
  const isOne = isBytes(item) ? !item.length : item.length === 17
    ? isBytes(item[16]) && item.slice(0, 16).every(isChild) : item.length === 2 && isBytes(item[0]) && (isBytes(item[1]) || nodeIn(item[1]));
  if (!isOne) {
    throw new NoEvidence('not a node');
  }
  return item;
}

/** `reference`: hash of a node, or a node that is too short to be hashed. Answers nothing where the trie holds nothing. */
function valueAt(known, reference, path) {
  if (!reference.length) {
    return EMPTY;
  }
  const node = Array.isArray(reference) ? reference : known.get(toHex(reference));
  if (node?.length === 17) {
    return path.length ? valueAt(known, node[path[0]], path.slice(1)) : node[16];
  }
  if (node?.length !== 2 || node[0][0] >= 0x40) {
    throw new NoEvidence('a node is missing');
  }
  const [encoded, next] = node, isLeaf = encoded[0] >= 0x20, part = nibblesOf(encoded).slice(encoded[0] & 0x10 ? 1 : 2);
  if (!part.every((nibble, i) => nibble === path[i]) || (isLeaf && part.length !== path.length)) {
    return EMPTY;
  }
  if (isLeaf && Array.isArray(next)) {
    throw new NoEvidence('a leaf holds bytes');
  }
  return isLeaf ? next : valueAt(known, next, path.slice(part.length));
}

function nibblesOf(bytes) {
  return Array.from(bytes, byte => [byte >> 4, byte & 15]).flat();
}

const EMPTY = new Uint8Array();

// Headers, and the seals in those of QBFT and IBFT 2.0 (EEA QBFT specification; Besu's BftBlockHashing)

const STATE_ROOT = 3, RECEIPTS_ROOT = 5, NUMBER = 8, TIME = 11, EXTRA_DATA = 12, MIX_HASH = 13, FIELDS_LEAST = 15;
const BFT_MIX_HASH = '0x63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365';

function readHeader(content) {
  const fields = decodeRlp(content, 'the header');
  if (!Array.isArray(fields) || fields.length < FIELDS_LEAST || !fields.every(field => field instanceof Uint8Array)) {
    throw new NoEvidence('the header is none of a block');
  }
  return fields;
}

/** As its own ledger hashes it. */
function hashOfHeader(content) {
  const sealed = sealedHeader(readHeader(content));
  return sealed === null ? keccak(content) : hashWith(sealed, sealed.isIbft ? sealed.extra.slice(0, 3) : [...sealed.extra.slice(0, 3), EMPTY, []]);
}

/** How many of these validators, which are all of the ledger's, sealed the block; as many as it takes. */
function requireSeals(content, validators) {
  const sealed = sealedHeader(readHeader(content));
  if (sealed === null) {
    throw new NoEvidence('the header is none of QBFT or IBFT 2.0: no validator seals it');
  }
  const named = sealed.extra[1].map(toHex), pinned = new Set(validators);
  // In QBFT's mode of a contract the header names nobody.
  if (named.length && (new Set(named).size !== pinned.size || !named.every(one => pinned.has(one)))) {
    throw new NoEvidence(`the header names other validators than those pinned: ${named.join(', ')}`);
  }
  const signed = hashWith(sealed, sealed.isIbft ? sealed.extra : [...sealed.extra, []]);
  const signers = new Set(sealed.seals.map(seal => signerOf(seal, signed)).filter(one => pinned.has(one)));
  const quorum = Math.ceil(2 * pinned.size / 3);
  if (signers.size < quorum) {
    throw new NoEvidence(`${signers.size} of ${pinned.size} validators sealed the block, and it takes ${quorum}`);
  }
  return signers.size;
}

/** {fields, extra: vanity, validators, vote, round; seals, isIbft}; null for a header of another kind, which has something else there. */
function sealedHeader(fields) {
  if (toHex(fields[MIX_HASH]) !== BFT_MIX_HASH) {
    return null;
  }
  let extra;
  try {
    extra = decodeRlp(fields[EXTRA_DATA], 'the extra data');
  } catch (failed) {
    if (failed instanceof NoEvidence) {
      return null;
    }
    throw failed;
  }
  const [, validators, , round, seals] = extra, isBytes = one => one instanceof Uint8Array;
  const isTheirs = Array.isArray(extra) && extra.length === 5 && isBytes(round) &&
    [validators, seals].every(list => Array.isArray(list) && list.every(isBytes)) && validators.every(one => one.length === 20);
  // IBFT 2.0 writes the round in four bytes, QBFT as a number, which never comes to take four.
  return isTheirs ? {fields, extra: extra.slice(0, 4), seals, isIbft: round.length === 4} : null;
}

function hashWith({fields}, extra) {
  return keccak(encodeRlp([...fields.slice(0, EXTRA_DATA), encodeRlp(extra), ...fields.slice(EXTRA_DATA + 1)]));
}

/** The account whose key made a seal, r ‖ s ‖ v; null where it is none. */
function signerOf(seal, signed) {
  if (seal.length !== 65 || seal[64] > 1) {
    return null;
  }
  try {
    const key = recoverPublicKey(concat([seal[64]], seal.subarray(0, 64)), signed, {prehash: false, isCompressed: false});
    return toHex(keccak(key.subarray(1)).subarray(-20));
  } catch {
    return null; // no point of the curve
  }
}
