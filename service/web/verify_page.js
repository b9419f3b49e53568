/** The page at /verify: takes a credential, checks it in this browser, and shows what was found. */
import {accreditationClaim, checkAccreditation} from './accreditation.js';
import {enteredUrl} from './entered_url.js';
import {element, language, loadMessages, number, say, translatePage} from './i18n.js';
import {readPermalink, textOf} from './judgement.js';
import {advice, choice, result, unknown, verdict, waiting} from './result_view.js';
import {canonicalCandidates, embeddedProof, isProof, readProof, Refused, toHex, verify} from './verify.js';

const MAX_MB = 100;
const SERVICE_TIMEOUT_MS = 15_000;
const byId = id => document.getElementById(id);

const page = {
  ledger: null, // what GET /v1/ledger answered; null while the service does not answer
  expected: readPermalink(location.href, location.origin), // digest and issuer of the permalink
  draw: null, // draws the present result again, in another language
  running: 0
};

// The service: digests go there, and nothing else of a credential

/** {status, body}, or null where the service does not answer or cannot do its work. */
async function ask(path) {
  try {
    const response = await fetch(path, {signal: AbortSignal.timeout(SERVICE_TIMEOUT_MS), headers: {Accept: 'application/json'}});
    if (response.status >= 500 || response.status === 429) {
      return null;
    }
    return {status: response.status, body: await response.json(), retryAfterS: Number(response.headers.get('retry-after') ?? 60)};
  } catch {
    return null;
  }
}

async function ledger() {
  page.ledger = (await ask('/v1/ledger'))?.body ?? page.ledger;
  return page.ledger;
}

const query = issuer => issuer ? `?issuer=${encodeURIComponent(issuer)}` : '';

/** What the service has for the first of these digests that it knows: its answer, `digest` and `path`; null when it does not answer. */
async function findProof(digests, issuer) {
  for (const digest of digests) {
    const found = await ask(`/v1/proofs/${digest}${query(issuer)}`);
    if (found === null || found.status !== 404) {
      return found && {...found, digest};
    }
  }
  return {status: 404};
}

// Checking

/** `given`: {bytes, name, proof}; bytes null for a permalink alone; proof: bytes or a value, or null. `issuer`: chosen by the reader. */
async function check(given, issuer = page.expected?.issuer ?? null) {
  page.running += 1;
  const turn = page.running, isLate = () => turn !== page.running;
  try {
    await progress('progress.read');
    const forms = given.bytes === null ? [] : await canonicalCandidates(given.bytes);
    if (given.bytes !== null && !forms.length) {
      return isLate() || showError('empty');
    }
    if (given.bytes !== null && isProof(given.bytes)) {
      return isLate() || showError('proof');
    }
    await progress('progress.ask');
    const digests = forms.map(form => toHex(form.digest));
    const [, own] = await Promise.all([ledger(), findProof(digests, issuer)]);
    const isUnknown = own !== null && own.status >= 400;
    // What the link promised is what another file is compared with.
    const found = (isUnknown || given.bytes === null) && page.expected ? await findProof([page.expected.digest], page.expected.issuer) : own;
    if (!isLate()) {
      await show(given, found, forms, isLate);
    }
  } catch (fault) {
    if (!isLate()) {
      showError('page', {reason: fault.message});
    }
    throw fault; // a fault of this page, for its console
  } finally {
    if (!isLate()) {
      byId('progress').textContent = '';
    }
  }
}

async function show(given, found, forms, isLate) {
  if (found?.status === 300) {
    const issuers = await Promise.all(found.body.issuers.map(async did => [did, await nameOf(did)]));
    return isLate() || present(() => choice(issuers, did => check(given, did)));
  }
  if (found?.status === 202) {
    const name = await nameOf(found.body.issuer);
    return isLate() || present(() => waiting(found, name));
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

/** What `result` shows. `read`: the proof. `isKnown`: whether the service gave it. All are asked at the same time. */
async function askEverybody(given, proof, {issuer, digest, anchor}, isKnown) {
  const asked = {node: node.url(), registry: issuersRegistry.url()}, claim = given.bytes && accreditationClaim(given.bytes);
  const [report, name, told, accreditation] = await Promise.all([
    verify(given.bytes, proof, {
      registry: page.ledger?.contract ? `${page.ledger.ledger}:${page.ledger.contract}` : null, rpcUrl: asked.node,
      finality: page.ledger?.finality, service: location.origin, allowPrivate: true, fetch: boundedFetch
    }),
    nameOf(issuer),
    ask(`/v1/status/${toHex(digest)}${query(issuer)}`),
    checkAccreditation(claim, asked.registry, {anchoredAt: anchor.anchoredAt, fetch: boundedFetch})
  ]);
  report.checks = report.checks.map(one => one.check === accreditation.check ? accreditation : one);
  const status = told?.status === 200 ? told.body : null;
  const word = {holds: isKnown && anchor.state === 'final', status: status?.status ?? null, since: status?.since ?? null};
  return {given, report, word, name, isKnown, asked};
}

/** Credentials never go along, nor does the address of this page. */
function boundedFetch(url, options) {
  return fetch(url, {...options, credentials: 'omit', referrerPolicy: 'no-referrer'});
}

/** The operator's name of an issuer; null where there is none, undefined where the service did not answer. */
async function nameOf(did) {
  const found = await ask(`/v1/issuers/${encodeURIComponent(did)}`);
  return found === null ? undefined : found.status === 200 ? found.body.name : null;
}

// The node and the registry of trusted issuers that are asked: the operator's, or those that the reader entered

const node = enteredUrl('node', 'credanchor-node', () => page.ledger?.publicNode);
const issuersRegistry = enteredUrl('registry', 'credanchor-issuers', () => page.ledger?.publicIssuersRegistry);

// Drawing

async function progress(key) {
  byId('progress').textContent = say(key);
  byId('result').hidden = true;
  await new Promise(resolve => setTimeout(resolve)); // so that it is drawn before the work begins
}

function present(draw) {
  const first = page.draw !== draw;
  page.draw = draw;
  byId('result').replaceChildren(element('div', {class: 'card'}, ...draw()));
  byId('result').hidden = false;
  document.body.classList.add('shown');
  byId('progress').textContent = '';
  if (first) {
    byId('result').focus({preventScroll: true});
    scrollTo(0, 0);
  }
}

function showError(key, values = {}) {
  present(() => verdict(key, 'warn', say(`e.${key}.text`, values), null, 'e'));
}

// What the reader gives

async function take(files) {
  const read = [];
  for (const file of files) {
    if (file.size > MAX_MB * 1024 * 1024) {
      return showError('huge', {limit: number(MAX_MB)});
    }
    await progress('progress.read');
    try {
      read.push({name: file.name, type: file.type, bytes: new Uint8Array(await file.arrayBuffer())});
    } catch {
      return showError('read');
    }
  }
  const link = read.length === 1 ? await linkInPicture(files[0]) : null;
  if (link) {
    return open(link);
  }
  const proof = read.length > 1 ? read.find(one => isProof(one.bytes)) : null;
  const file = read.find(one => one !== proof);
  return file && check({bytes: file.bytes, name: file.name, proof: proof?.bytes ?? null});
}

/** The address in a photo of a QR code, where the browser reads such codes. */
async function linkInPicture(file) {
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
  return check({bytes: null, name: null, proof: null}, found.issuer);
}

function listen() {
  const drop = byId('drop');
  byId('file').addEventListener('change', async event => {
    await take([...event.target.files]);
    event.target.value = ''; // so that the same file can be chosen again
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
byId('given').hidden = false;
byId('settings').hidden = false;
await ledger();
node.show();
issuersRegistry.show();
document.documentElement.dataset.ready = 'true';
if (!globalThis.crypto?.subtle) {
  showError('insecure'); // browsers compute digests on pages from https and localhost only
} else if (page.expected) {
  await check({bytes: null, name: null, proof: null});
} else if (new URL(location.href).searchParams.get('digest') !== null) {
  showError('link', {host: location.host});
}
