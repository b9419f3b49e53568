/** The page at /verify: takes a credential, checks it in this browser, and shows what was found. */
import {ask, bestOf, isPdfReaderHere, LONGER_MS, lookUp, namesOf, patience, statusOfAll, supportFor} from './asking.js';
import {afterReload, enteredContract, enteredUrl, operatorsContract, trustedContract} from './entered.js';
import {isAnyProof, linkInPicture, MAX_MB, readFiles, withProof} from './given.js';
import {element, language, listenToLanguages, loadMessages, number, say, translatePage} from './i18n.js';
import {besideLink, isDigest, linkIn, readPermalink, textOf} from './judgement.js';
import {choice, files, result, unknown, unreadable, verdict, waiting} from './result_view.js';
import {canonicalCandidates, isPdf, momentOf, readableValidity} from './verify.js';

const byId = id => document.getElementById(id);
const NO_FILE = {bytes: null, name: null, proofs: []};

const page = {
  ledger: null, // what GET /v1/ledger answered; null while the service does not answer
  aheadS: 0, // how far the clock of this device is before that of the service
  expected: readPermalink(location.href, location.origin), // digest and issuer of the permalink
  given: null, // what is checked, or was
  draw: null, // draws the present result again, in another language
  turn: 0
};

/** Every question of the reader makes those before it late: what is found for them is not shown. */
function begin() {
  page.turn += 1;
  const turn = page.turn;
  return () => turn !== page.turn;
}

async function ledger(signal) {
  const found = await ask('/v1/ledger', signal);
  page.ledger = found?.body ?? page.ledger;
  page.aheadS = found?.aheadS ?? page.aheadS;
  [node, contract, issuersRegistry].forEach(one => one.show());
}

// Checking

/**
 * `given`: {bytes, name, proofs, issuer, others}; bytes null for a permalink alone; proofs: bytes, that came along; issuer: whom the reader
 * chose where several anchored it, and others who they are besides. `ends`: of patience(), where they run already; else all that is asked
 * must answer in its time.
 */
async function check(given, isLate = begin(), ends = null) {
  page.given = given;
  try {
    await progress('progress.read', isLate);
    const forms = given.bytes === null ? [] : await canonicalCandidates(given.bytes);
    if (isLate()) {
      return;
    }
    const fault = given.bytes === null ? null : !forms.length ? 'empty' : isAnyProof(given.bytes) ? 'proof' : null;
    if (fault) {
      return showError(fault);
    }
    await progress('progress.ask', isLate);
    const {proof, all} = ends ?? patience();
    const [answers] = await Promise.all([lookUp(forms, given.issuer ?? null, page.expected, proof), ledger(proof)]);
    if (!isLate()) {
      await show(given, answers, forms, isLate, all);
    }
  } catch (fault) {
    if (!isLate()) {
      showError('page', {reason: fault.message});
    }
    throw fault; // a fault of this page, for its console
  }
}

async function show(given, answers, forms, isLate, signal) {
  if (given.bytes && isPdf(given.bytes) && !await isPdfReaderHere(signal)) {
    return isLate() || showError('service');
  }
  const trusted = trustedContract(contract.own(), page.ledger), contracts = [trusted.registry, operatorsContract(page.ledger)];
  const {expected} = page, found = await supportFor(given, forms, answers, {expected, contracts, signal});
  if (isLate()) {
    return;
  }
  const {candidates: [first], choose, digests, isUnfit} = found, linkOf = issuer => besideLink(shown, expected, issuer);
  const shown = {...given, isOther: found.isOther, others: found.others, isAnswerLeft: isUnfit};
  if (choose) {
    return showIssuers(given, choose, isLate, signal);
  }
  if (first?.fault) {
    return present(() => unreadable(first.fault));
  }
  if (first) {
    const asked = {node: node.value(), registry: issuersRegistry.value()}, how = {digests, trusted, asked, signal};
    const {report, word, names, late, isKnown, proof, read: {issuer}} = await bestOf(given.bytes, found.candidates, how);
    shown.isProofLeft ||= given.proofs.some(one => one !== proof);
    const judged = {given: shown, report, aheadS: page.aheadS, word, isKnown, asked, trusted, link: linkOf(issuer), retry, forgetLink};
    return presentWithNames(() => result({...judged, name: names.get(issuer)}), late, isLate);
  }
  if (found.waiting) {
    const {issuer} = found.waiting.body, [{names, late}, word] = await Promise.all([namesOf([issuer], signal), statusOfAll(digests, issuer, signal)]);
    shown.isProofLeft ||= given.proofs.length > 0;
    const {validity} = await readableValidity(given.bytes, momentOf(new Date().toISOString())), waits = {given: shown, validity, found: found.waiting, word, link: linkOf(issuer), retry};
    return presentWithNames(() => waiting({...waits, name: names.get(issuer)}), late, isLate);
  }
  return isUnfit || found.isSilent ? showError(isUnfit ? 'unfit' : 'service') : present(() => unknown(given, forms, expected?.digest));
}

/** Where file and link name none of them, the reader chooses whose anchor counts. */
async function showIssuers(given, issuers, isLate, signal) {
  const chosen = did => ({...given, issuer: did, others: issuers.filter(one => one !== did)}), {names, late} = await namesOf(issuers, signal);
  return presentWithNames(() => choice(issuers.map(did => [did, names.get(did)]), did => check(chosen(did))), late, isLate);
}

const retry = () => check(page.given, begin(), patience(LONGER_MS));

/** The file counts alone. */
function forgetLink() {
  page.expected = null;
  history.replaceState(null, '', `/verify?lang=${language()}`);
  return check({...page.given, issuer: null, others: null});
}

// The node, the registry of trusted issuers and the contract: the operator's, or those that the reader entered

const hadFile = () => page.given !== null && page.given.bytes !== null;
const node = enteredUrl('node', 'credanchor-node', () => page.ledger?.publicNode, hadFile);
const issuersRegistry = enteredUrl('registry', 'credanchor-issuers', () => page.ledger?.publicIssuersRegistry, hadFile);
const contract = enteredContract(() => trustedContract(null, page.ledger).registry, () => {
  contract.show();
  if (page.given) {
    retry();
  }
});

function goOnAfterReload() {
  const {kind, hadFile} = afterReload();
  if (kind) {
    byId(kind).closest('details').open = true;
  }
  if (hadFile) {
    showError('again');
    byId('file').focus();
  }
}

// Drawing

async function progress(key, isLate) {
  if (isLate()) {
    return;
  }
  page.draw = null;
  byId('progress').textContent = say(key);
  byId('stop').hidden = false;
  byId('result').hidden = true;
  await new Promise(resolve => setTimeout(resolve)); // so that it is drawn before the work begins
}

function rest() {
  byId('progress').textContent = '';
  byId('stop').hidden = true;
}

function present(draw) {
  const first = page.draw !== draw, place = byId('result'), wasInside = place.contains(document.activeElement);
  const isOpen = !first && place.querySelector('details.all')?.open;
  page.draw = draw;
  place.replaceChildren(element('div', {class: 'card'}, ...draw()));
  place.querySelector('details.all')?.toggleAttribute('open', isOpen === true);
  place.hidden = false;
  document.body.classList.add('shown');
  rest();
  if (first || wasInside) {
    place.focus({preventScroll: true});
    scrollTo(0, first ? 0 : scrollY);
  }
}

/** At once, and again when the names that are late have come. */
async function presentWithNames(draw, late, isLate) {
  if (isLate()) {
    return;
  }
  present(draw);
  await late;
  if (late && page.draw === draw) {
    present(draw);
  }
}

function showError(key, values = {}) {
  present(() => verdict(key, 'warn', say(`e.${key}.text`, values), null, {group: 'e', retry: ['service', 'unfit'].includes(key) && page.given ? retry : null}));
}

// What the reader gives

async function take(given) {
  if (!given.length) {
    return;
  }
  const isLate = begin();
  await progress('progress.read', isLate);
  const {files: read, proofs, fault} = await readFiles(given), link = given.length === 1 ? await linkInPicture(given[0]) : null;
  if (isLate()) {
    return;
  }
  if (fault) {
    return showError(fault, {limit: number(MAX_MB)});
  }
  if (link) {
    return open(link);
  }
  const one = async (file, late) => check(await withProof(file, proofs, read.length === 1), late);
  return read.length > 1 ? present(() => files(read, file => one(file, begin()))) : one(read[0], isLate);
}

/** What was dropped or pasted: files, else text. */
const takeWhole = carried => carried.files.length ? take([...carried.files]) : takeText(carried.getData('text'));

/** Text: a link, a digest, or a credential. */
function takeText(pasted) {
  const text = textOf(pasted);
  return /^https?:\/\/\S+$/i.test(text) || isDigest(text) || linkIn(pasted, location.origin) ? open(pasted)
    : check({bytes: new TextEncoder().encode(text), name: null, proofs: []});
}

function open(pasted) {
  const text = linkIn(pasted, location.origin) ?? pasted.trim(), found = readPermalink(text, location.origin);
  if (!found) {
    const [, host = location.host] = /^https?:\/\/([^/?#]+)/i.exec(text) ?? [];
    return host === location.host ? showError('link') : showError('elsewhere', {host});
  }
  page.expected = found;
  history.replaceState(null, '', `/verify?digest=${found.digest}${found.issuer ? `&issuer=${encodeURIComponent(found.issuer)}` : ''}&lang=${language()}`);
  return check(NO_FILE);
}

function listen() {
  const drop = byId('drop');
  byId('file').addEventListener('change', event => {
    const chosen = [...event.target.files];
    event.target.value = ''; // so that the same file can be chosen again
    take(chosen);
  });
  byId('stop').addEventListener('click', () => {
    begin();
    rest();
    byId('file').focus();
  });
  for (const name of ['dragover', 'dragleave', 'drop']) {
    document.addEventListener(name, event => {
      event.preventDefault();
      drop.classList.toggle('over', name === 'dragover');
    });
  }
  document.addEventListener('drop', event => takeWhole(event.dataTransfer));
  document.addEventListener('paste', event => {
    if (!event.target.closest('textarea, input')) {
      takeWhole(event.clipboardData);
    }
  });
  byId('paste').addEventListener('submit', event => {
    event.preventDefault();
    takeText(byId('text').value);
  });
  byId('open').addEventListener('submit', event => {
    event.preventDefault();
    open(byId('link').value);
  });
  listenToLanguages('title', () => {
    [node, contract, issuersRegistry].forEach(one => one.show());
    if (page.draw) {
      present(page.draw);
    }
  }, () => showError('service'));
  // What is printed is whole.
  let closed = [];
  addEventListener('beforeprint', () => {
    closed = [...document.querySelectorAll('#result details.all:not([open])')];
    closed.forEach(one => { one.open = true; });
  });
  addEventListener('afterprint', () => closed.forEach(one => { one.open = false; }));
}

await loadMessages();
byId('dead').hidden = true; // which it says where this is not reached
listen();
byId('qr').dataset.t = 'BarcodeDetector' in globalThis ? 'qr.photo' : 'qr';
translatePage('title');
byId('given').hidden = false;
byId('settings').hidden = false;
goOnAfterReload();
if (!globalThis.crypto?.subtle) {
  showError('insecure'); // browsers compute digests on pages from https and localhost only
} else if (page.expected) {
  check(NO_FILE); // which asks for the ledger as well
} else if (['digest', 'issuer'].some(name => new URL(location.href).searchParams.has(name))) {
  showError('link');
}
const {all: loading} = patience();
await Promise.all([page.given ? null : ledger(loading), isPdfReaderHere(loading)]);
document.documentElement.dataset.ready = 'true';
