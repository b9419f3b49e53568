// The modules of the page at /verify judge and draw cases as the tests hand them over: without a browser, on as little of a document as they need.
import {readFileSync} from 'node:fs';
import {judge} from './cases.mjs';

class Piece {
  attributes = {};
  children = [];

  constructor(name) {
    this.name = name;
  }

  setAttribute(key, value) {
    this.attributes[key] = value;
  }

  addEventListener() {}

  append(...children) {
    this.children.push(...children);
  }
}

const WEB = new URL('../../service/web/', import.meta.url), ORIGIN = 'https://anchor.example';
globalThis.document = {documentElement: {lang: 'en'}, createElement: name => new Piece(name), createElementNS: (_, name) => new Piece(name)};
globalThis.location = {origin: ORIGIN};
globalThis.fetch = async path => Response.json(JSON.parse(readFileSync(new URL(path.replace('/web/', ''), WEB))));

const asking = await import('../../service/web/asking.js'), entered = await import('../../service/web/entered.js');
const given = await import('../../service/web/given.js'), judgement = await import('../../service/web/judgement.js');
const view = await import('../../service/web/result_view.js'), {canonicalCandidates, momentOf, readableValidity, readProof} = await import('../../service/web/verify.js');
await (await import('../../service/web/i18n.js')).loadMessages('en');

const bytes = text => text === null ? null : new Uint8Array(Buffer.from(text, 'base64'));
const isSaid = piece => piece.attributes?.class === 'said';
const words = (piece, leave = () => false) => piece instanceof Piece
  ? leave(piece) ? '' : `${piece.children.map(one => words(one, leave)).join(' ')}\n` : String(piece);
const inside = (pieces, wanted) => pieces.flatMap(one => one instanceof Piece ? [...wanted(one) ? [one] : [], ...inside(one.children, wanted)] : []);

/** {verdict, tone, text, plain, reserve, link}: `plain` is what is said without reserve. */
function drawn(pieces) {
  const all = pieces.flat().filter(one => one instanceof Piece), [head] = inside(all, one => 'data-verdict' in one.attributes), [said] = inside(all, isSaid);
  const isOfChecks = one => one.attributes.class === 'all';
  return {
    verdict: head.attributes['data-verdict'], tone: head.attributes.class.replace('verdict ', ''), reserve: said?.attributes['data-reserve'] ?? null,
    text: all.map(one => words(one)).join(''), plain: all.map(one => words(one, piece => isSaid(piece) || isOfChecks(piece))).join(''),
    link: inside(all, one => one.attributes.class === 'share').length > 0
  };
}

/** The answers of a service by path, as [status, body]; null never comes. */
function serve(answers, asked = []) {
  globalThis.fetch = async (path, {signal}) => {
    asked.push(path);
    if (answers[path] === null) {
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    }
    const [status, body] = answers[path] ?? [404, {}];
    return Response.json(body, {status});
  };
  return asked;
}

const never = new AbortController().signal;
const JUDGES = {
  result: async ({credential, ...shown}) => {
    const body = bytes(credential), {validity, isOfToken: isValidityOfToken} = await readableValidity(body, momentOf(shown.report.checkedAt));
    return drawn(view.result({given: {bytes: body, name: 'diploma'}, ...shown, report: {...shown.report, validity, isValidityOfToken}}));
  },
  unknown: ({credential, forms}) => drawn(view.unknown({bytes: bytes(credential), name: 'x'}, Array.from({length: forms}, () => ({digest: new Uint8Array(32)})), null)),
  waiting: async ({credential, ...shown}) => {
    const body = bytes(credential), {validity} = await readableValidity(body, momentOf(new Date().toISOString()));
    return drawn(view.waiting({given: {bytes: body, name: 'x'}, validity, ...shown}));
  },
  unreadable: ({reason}) => drawn(view.unreadable(reason)),
  besideLink: ({credential, isOther = false, expected, anchorer}) => judgement.besideLink({bytes: bytes(credential), isOther}, expected, anchorer),
  readPermalink: ({text}) => judgement.readPermalink(text, ORIGIN),
  textOf: ({text}) => judgement.textOf(text),
  linkIn: ({text}) => judgement.linkIn(text, ORIGIN),
  together: async ({bodies}) => {
    const dropped = bodies.map((body, i) => ({name: `${i}`, size: body.length, arrayBuffer: async () => bytes(body)}));
    const {files, proofs} = await given.readFiles(dropped), alone = files.length === 1 ? await given.withProof(files[0], proofs, true) : null;
    return {files: files.map(one => one.name), proofs: proofs.map(one => one.name), isUsed: Boolean(alone?.proofs.length), isLeft: alone?.isProofLeft ?? null};
  },
  isAnyProof: ({body}) => given.isAnyProof(bytes(body)),
  trustedContract: ({own, ledger}) => entered.trustedContract(own, ledger),
  support: async ({credential, proofs = [], issuer = null, expected = null, answers, contracts = [null, null]}) => {
    const asked = serve(answers), body = bytes(credential), forms = body === null ? [] : await canonicalCandidates(body);
    const found = await asking.lookUp(forms, issuer, expected, never), along = proofs.map(one => new Uint8Array(Buffer.from(JSON.stringify(one))));
    const {candidates, waiting, ...rest} = await asking.supportFor({bytes: body, proofs: along, issuer}, forms, found, {expected, contracts, signal: never});
    return {
      ...rest, waiting: waiting?.body.issuer ?? null, asked,
      candidates: candidates.map(one => ({issuer: one.issuer ?? null, digest: one.digest ?? null, isKnown: one.isKnown, isFit: one.isFit ?? null, fault: one.fault ?? null}))
    };
  },
  statusOfAll: ({digests, answers}) => {
    serve(answers);
    return asking.statusOfAll(digests, null, never);
  },
  statusOf: ({answers, timeoutMs = 1000}) => {
    serve(answers);
    return asking.statusOf('0x00', 'did:web:a.example', AbortSignal.timeout(timeoutMs));
  },
  namesOf: async ({answers, timeoutMs}) => {
    serve(answers);
    const began = Date.now(), {names, late} = await asking.namesOf(['did:web:a.example', 'did:web:b.example'], AbortSignal.timeout(timeoutMs));
    const first = {...Object.fromEntries(names)}, tookMs = Date.now() - began;
    await late;
    return {first, last: Object.fromEntries(names), isLate: late !== null, tookMs};
  },
  judged: async ({credential = null, proof, answers, ms}) => {
    serve(answers);
    const began = Date.now(), {all} = asking.patience(ms);
    const trusted = {registry: `${proof.anchor.ledger}:${proof.anchor.contract}`, finality: 'finalized'};
    const asked = {node: 'https://node.example', registry: null};
    const {report, word} = await asking.judged(bytes(credential), {proof, read: readProof(proof), isKnown: true}, {trusted, asked, signal: all});
    return {word, outcomes: judgement.outcomesOf(report), isInPart: report.isInPart, tookMs: Date.now() - began};
  }
};

const awake = setInterval(() => {}, 1000); // Node does not wait for the end of a signal
await judge(({judge: name, ...one}) => JUDGES[name](one));
clearInterval(awake);
