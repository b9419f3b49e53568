/** The page at /verify: takes a credential, checks it in this browser, and shows what was found. */
import {accreditationClaim, checkAccreditation} from './accreditation.js';
import {ask, fetchOfOthers, findProof, isPdfReaderHere, nameOf, statusOf} from './asking.js';
import {enteredUrl} from './entered_url.js';
import {linkInPicture, MAX_MB, readFiles, withProof} from './given.js';
import {element, language, loadMessages, number, say, translatePage} from './i18n.js';
import {readPermalink, textOf} from './judgement.js';
import {advice, choice, files, result, unknown, verdict, waiting} from './result_view.js';
import {canonicalCandidates, claimedIssuer, embeddedProof, isPdf, isProof, readProof, Refused, toHex, verify} from './verify.js';

const byId = id => document.getElementById(id);
const RELOADED = 'credanchor-reloaded';
const NO_FILE = {bytes: null, name: null, proof: null};

const page = {
  ledger: null, // what GET /v1/ledger answered; null while the service does not answer
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

async function ledger() {
  page.ledger = (await ask('/v1/ledger'))?.body ?? page.ledger;
  return page.ledger;
}

// Checking

/** `given`: {bytes, name, proof}; bytes null for a permalink alone; proof: bytes or a value, or null. `issuer`: chosen by the reader. */
async function check(given, issuer = page.expected?.issuer ?? null, isLate = begin()) {
  page.given = given;
  try {
    await progress('progress.read', isLate);
    const forms = given.bytes === null ? [] : await canonicalCandidates(given.bytes);
    if (isLate()) {
      return;
    }
    if (given.bytes !== null && !forms.length) {
      return showError('empty');
    }
    if (given.bytes !== null && isProof(given.bytes)) {
      return showError('proof');
    }
    await progress('progress.ask', isLate);
    const {found, isOther} = await find(forms, issuer);
    if (!isLate()) {
      await show({...given, isOther}, found, forms, isLate);
    }
  } catch (fault) {
    if (!isLate()) {
      showError('page', {reason: fault.message});
    }
    throw fault; // a fault of this page, for its console
  }
}

/** {found, isOther}: what the service has, and whether that is of another file than the link names. */
async function find(forms, issuer) {
  const digests = forms.map(form => toHex(form.digest)), {expected} = page, isOfLink = digests.includes(expected?.digest);
  const [, own] = await Promise.all([ledger(), findProof(isOfLink ? [expected.digest] : digests, issuer)]);
  if (expected && own?.status >= 400) {
    return {found: await findProof([expected.digest], expected.issuer), isOther: false}; // then it is compared with what the link promised
  }
  return {found: own, isOther: expected !== null && own !== null && !isOfLink};
}

async function show(given, found, forms, isLate) {
  if (found?.status === 300) {
    return showIssuers(given, found.body.issuers, isLate);
  }
  if (found?.status === 202) {
    const {issuer} = found.body, [name, word] = await Promise.all([nameOf(issuer), statusOf(found.digest, issuer)]);
    return isLate() || present(() => waiting({given, found, name, word, retry}));
  }
  if (given.bytes && isPdf(given.bytes) && !await isPdfReaderHere()) {
    return isLate() || showError('service');
  }
  const proof = found?.status === 200 ? found.body : given.proof ?? (given.bytes && await embeddedProof(given.bytes));
  if (isLate()) {
    return;
  }
  if (!proof) {
    return found === null ? showError('service') : present(() => unknown(given, forms, page.expected?.digest));
  }
  let read;
  try {
    read = readProof(proof);
  } catch (refused) {
    if (!(refused instanceof Refused)) {
      throw refused;
    }
    return present(() => verdict('broken', 'bad', say('v.broken.text'), advice([refused.message], 'bad')));
  }
  const shown = await askEverybody(given, proof, read, found?.status === 200);
  return isLate() || present(() => result(shown));
}

/** Whom the file names is whose anchor counts; where it names none of them, the reader chooses. */
async function showIssuers(given, issuers, isLate) {
  const named = given.bytes && claimedIssuer(given.bytes).claimed, others = issuers.filter(did => did !== named);
  if (others.length < issuers.length) {
    return check({...given, others}, named, isLate);
  }
  const pairs = await Promise.all(issuers.map(async did => [did, await nameOf(did)]));
  return isLate() || present(() => choice(pairs, did => check({...given, others: issuers.filter(one => one !== did)}, did)));
}

/** What `result` shows. `read`: the proof. `isKnown`: whether the service gave it. All are asked at the same time. */
async function askEverybody(given, proof, {issuer, digest, anchor}, isKnown) {
  const asked = {node: node.url(), registry: issuersRegistry.url()}, claim = given.bytes && accreditationClaim(given.bytes);
  const [report, name, told, accreditation] = await Promise.all([
    verify(given.bytes, proof, {
      registry: page.ledger?.contract ? `${page.ledger.ledger}:${page.ledger.contract}` : null, rpcUrl: asked.node,
      finality: page.ledger?.finality, service: location.origin, allowPrivate: true, fetch: fetchOfOthers
    }),
    nameOf(issuer),
    statusOf(toHex(digest), issuer),
    checkAccreditation(claim, asked.registry, {anchoredAt: anchor.anchoredAt, fetch: fetchOfOthers})
  ]);
  report.checks = report.checks.map(one => one.check === accreditation.check ? accreditation : one);
  const word = {holds: isKnown && anchor.state === 'final', ...told};
  return {given, report, word, name, isKnown, asked, retry, forgetLink};
}

const retry = () => check(page.given);

/** The file counts alone. */
function forgetLink() {
  page.expected = null;
  history.replaceState(null, '', `/verify?lang=${language()}`);
  return check(page.given);
}

// The node and the registry of trusted issuers that are asked: the operator's, or those that the reader entered

const node = enteredUrl('node', 'credanchor-node', () => page.ledger?.publicNode, reload);
const issuersRegistry = enteredUrl('registry', 'credanchor-issuers', () => page.ledger?.publicIssuersRegistry, reload);

/** Files do not outlive it: the page then says so, where the reader was. */
function reload(kind) {
  sessionStorage.setItem(RELOADED, JSON.stringify({kind, hadFile: page.given !== null && page.given.bytes !== null}));
  location.reload();
}

function goOnAfterReload() {
  const {kind, hadFile} = JSON.parse(sessionStorage.getItem(RELOADED) ?? '{}');
  sessionStorage.removeItem(RELOADED);
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
  const first = page.draw !== draw;
  page.draw = draw;
  byId('result').replaceChildren(element('div', {class: 'card'}, ...draw()));
  byId('result').hidden = false;
  document.body.classList.add('shown');
  rest();
  if (first) {
    byId('result').focus({preventScroll: true});
    scrollTo(0, 0);
  }
}

function showError(key, values = {}) {
  present(() => verdict(key, 'warn', say(`e.${key}.text`, values), null, {group: 'e', retry: key === 'service' && page.given ? retry : null}));
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
  const one = async (file, late) => check(await withProof(file, proofs, read.length === 1), undefined, late);
  return read.length > 1 ? present(() => files(read, file => one(file, begin()))) : one(read[0], isLate);
}

function open(text) {
  const found = readPermalink(text.trim(), location.origin);
  if (!found) {
    let host = '…';
    try {
      host = new URL(text).host;
    } catch {
      // it is no address at all
    }
    return showError('link', {host});
  }
  page.expected = found;
  history.replaceState(null, '', `/verify?digest=${found.digest}${found.issuer ? `&issuer=${encodeURIComponent(found.issuer)}` : ''}&lang=${language()}`);
  return check(NO_FILE, found.issuer);
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
  document.addEventListener('drop', event => take([...event.dataTransfer.files]));
  document.addEventListener('paste', event => {
    if (!event.target.closest('textarea, input') && event.clipboardData.files.length) {
      take([...event.clipboardData.files]);
    }
  });
  byId('paste').addEventListener('submit', event => {
    event.preventDefault();
    const text = textOf(byId('text').value);
    return /^https?:\/\/\S+$/.test(text) ? open(text) : check({bytes: new TextEncoder().encode(text), name: null, proof: null});
  });
  byId('open').addEventListener('submit', event => {
    event.preventDefault();
    open(byId('link').value);
  });
  for (const link of document.querySelectorAll('nav a[hreflang]')) {
    link.addEventListener('click', async event => {
      event.preventDefault();
      try {
        await loadMessages(link.hreflang);
      } catch {
        return showError('service');
      }
      translatePage('title');
      const here = new URL(location.href);
      here.searchParams.set('lang', link.hreflang);
      history.replaceState(null, '', here);
      node.show();
      issuersRegistry.show();
      if (page.draw) {
        present(page.draw);
      }
    });
  }
  // What is printed is whole.
  for (const [name, isOpen] of [['beforeprint', true], ['afterprint', false]]) {
    addEventListener(name, () => document.querySelectorAll('#result details.all').forEach(one => { one.open = isOpen; }));
  }
}

try {
  await loadMessages();
} catch (fault) {
  byId('dead').hidden = false;
  throw fault;
}
listen();
byId('qr').dataset.t = 'BarcodeDetector' in globalThis ? 'qr.photo' : 'qr';
translatePage('title');
byId('given').hidden = false;
byId('settings').hidden = false;
await Promise.all([ledger(), isPdfReaderHere()]);
node.show();
issuersRegistry.show();
goOnAfterReload();
document.documentElement.dataset.ready = 'true';
if (!globalThis.crypto?.subtle) {
  showError('insecure'); // browsers compute digests on pages from https and localhost only
} else if (page.expected) {
  await check(NO_FILE);
} else if (new URL(location.href).searchParams.get('digest') !== null) {
  showError('link', {host: location.host});
}
