/** The page at /verify: takes a credential, checks it in this browser, and shows what was found. */
import {canonicalCandidates, embeddedProof, isProof, parseJson, Refused, REQUIRED, toHex, verify} from './verify.js';
import {outcomesOf, readPermalink, toDo, verdictOf} from './judgement.js';
import {date, dateTime, element, has, language, loadMessages, number, say, svg, translatePage} from './i18n.js';

const MAX_MB = 100;
const SERVICE_TIMEOUT_MS = 15_000;
const COOKIE = 'credanchor-node';
const byId = id => document.getElementById(id);

const page = {
  ledger: null, // what GET /v1/ledger answered; null while the service does not answer
  ownNode: readCookie(),
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
  } finally {
    if (!isLate()) {
      byId('progress').textContent = '';
    }
  }
}

async function show(given, found, forms, isLate) {
  if (found?.status === 300) {
    return present(() => [choice(given, found.body.issuers)]);
  }
  if (found?.status === 202) {
    const name = await nameOf(found.body.issuer);
    return isLate() || present(() => waiting(found, name));
  }
  const proof = found?.status === 200 ? found.body : given.proof ?? (given.bytes && embeddedProof(given.bytes));
  if (!proof) {
    return found === null ? showError('service') : present(() => unknown(given, forms));
  }
  const asked = {registry: page.ledger?.contract ? `${page.ledger.ledger}:${page.ledger.contract}` : null, rpcUrl: nodeUrl()};
  let report;
  try {
    report = await verify(given.bytes, proof, {
      ...asked, finality: page.ledger?.finality, service: location.origin, allowPrivate: true, fetch: boundedFetch
    });
  } catch (refused) {
    if (!(refused instanceof Refused)) {
      throw refused;
    }
    return isLate() || present(() => verdict('broken', 'bad', say('v.broken.text'), advice([refused.message], 'bad')));
  }
  const {issuer, digest, anchor} = report.proof;
  const [name, told] = await Promise.all([nameOf(issuer), ask(`/v1/status/${digest}${query(issuer)}`)]);
  const status = told?.status === 200 ? told.body : null;
  const word = {holds: found?.status === 200 && anchor.state === 'final', status: status?.status ?? null, since: status?.since ?? null};
  if (!isLate()) {
    present(() => result({given, report, word, name, isKnown: found?.status === 200}));
  }
}

/** Credentials never go along, nor does the address of this page. */
function boundedFetch(url, options) {
  return fetch(url, {...options, credentials: 'omit', referrerPolicy: 'no-referrer'});
}

async function nameOf(did) {
  const found = await ask(`/v1/issuers/${encodeURIComponent(did)}`);
  return found?.status === 200 ? found.body.name : null;
}

// The node: the operator's, or one that the reader entered, which the server then lets this page connect to

function nodeUrl() {
  return page.ownNode ?? page.ledger?.publicNode ?? null;
}

function readCookie() {
  const found = new RegExp(`(?:^|; )${COOKIE}=([^;]+)`).exec(document.cookie);
  return found ? decodeURIComponent(found[1]) : null;
}

function useNode(url) {
  // Strictly of this site: a link from elsewhere can neither set it nor carry it.
  const age = url === null ? '; Max-Age=0' : '';
  document.cookie = `${COOKIE}=${encodeURIComponent(url ?? '')}; Path=/verify; SameSite=Strict${age}`;
  location.reload();
}

function showNode() {
  const node = nodeUrl();
  byId('node-now').textContent = node === null ? say('node.none') : say(page.ownNode ? 'node.own' : 'node.operator', {node});
  byId('node-forget').hidden = page.ownNode === null;
}

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
  showNode();
  if (first) {
    byId('result').focus({preventScroll: true});
    scrollTo(0, 0);
  }
}

function showError(key, values = {}) {
  present(() => verdict(key, 'warn', say(`e.${key}.text`, values), null, 'e'));
}

const MARKS = {good: 'M7 12.5l3.4 3.4L17 8.6', bad: 'M8 8l8 8M16 8l-8 8', warn: 'M12 6.5v7M12 17v.01', calm: 'M12 17v-5.5M12 7.5v-.01'};

function verdict(key, tone, text, more = null, group = 'v') {
  const mark = svg('svg', {viewBox: '0 0 24 24', 'aria-hidden': 'true'}, svg('circle', {cx: 12, cy: 12, r: 11}), svg('path', {d: MARKS[tone]}));
  const words = element('div', {}, element('h2', {id: 'verdict'}, say(`${group}.${key}`)), element('p', {}, text));
  return [element('div', {class: `verdict ${tone}`, 'data-verdict': group === 'v' ? key : `${group}.${key}`}, mark, words), more, again()].filter(Boolean);
}

function again() {
  return element('div', {class: 'actions'}, element('button', {type: 'button', click: () => byId('file').click()}, say('again')));
}

function advice(sentences, tone) {
  return sentences.length ? element('div', {class: `advice ${tone}`},
    element('h3', {}, say('advice')), element('ul', {}, ...sentences.map(one => element('li', {}, one)))) : null;
}

function facts(pairs) {
  const shown = pairs.filter(Boolean);
  return element('dl', {}, ...shown.flatMap(([term, value, note = null]) => [
    element('dt', {}, say(term)),
    element('dd', {}, value, note === null ? null : element('small', {}, note))
  ]));
}

function result({given, report, word, name, isKnown}) {
  const {proof} = report, hasFile = given.bytes !== null;
  const {key, tone} = verdictOf(report, hasFile, word);
  const values = {issuer: name ?? proof.issuer, date: date(proof.anchor.anchoredAt)};
  const [head] = verdict(key, tone, say(`v.${key}.text`, values));
  const wanted = toDo(report, REQUIRED, {key, tone}).map(one => meaning(one));
  return [
    head,
    advice(wanted, tone),
    facts([
      ['f.issuer', name ?? proof.issuer, name === null ? say('f.unnamed') : proof.issuer],
      ['f.anchored', dateTime(proof.anchor.anchoredAt), say('f.block', {block: number(proof.anchor.blockNumber), ledger: proof.anchor.ledger})],
      ['f.status', ...statusFact(report, word)],
      given.name ? ['f.file', given.name] : null,
      ['f.accreditation', say('f.accreditation.none')],
      ['f.ledger', ledgerFact(report)],
      ['f.digest', element('code', {}, proof.digest)],
      ['f.checked', dateTime(report.checkedAt)]
    ]),
    checks(report),
    isKnown ? share(proof) : null,
    element('div', {class: 'actions'},
      element('button', {type: 'button', click: () => byId('file').click()}, say('again')),
      element('button', {type: 'button', click: () => print()}, say('print')))
  ].filter(Boolean);
}

function statusFact(report, word) {
  const outcomes = outcomesOf(report), found = report.statusLists.map(one => one.verdict);
  const bad = ['revoked', 'suspended'].find(one => found.includes(one) || word.status === one);
  if (bad) {
    const pending = !found.includes(bad) ? say('f.pending') : null;
    return [say(`v.${bad}`), [word.since ? say('f.since', {date: dateTime(word.since)}) : null, pending].filter(Boolean).join('. ') || null];
  }
  if (outcomes.status === 'failed') {
    return [say('v.stale')];
  }
  return [say(outcomes.status === 'passed' ? 'f.clear' : word.status === 'clear' ? 'f.clear.service' : 'cannot tell')];
}

function ledgerFact(report) {
  const node = nodeUrl();
  if (node === null) {
    return say('f.indirect');
  }
  return say(report.isLedgerRead ? 'f.direct' : 'f.dead', {node: new URL(node).host});
}

function meaning({check: name, outcome, reason}) {
  const key = `c.${name}.${outcome}`;
  return has(key) ? say(key) : reason;
}

const TONES = {passed: 'good', failed: 'bad', 'cannot tell': 'calm'};

function checks(report) {
  const items = report.checks.map(one => element('li', {'data-check': one.check, 'data-outcome': one.outcome},
    element('span', {class: `outcome ${TONES[one.outcome]}`}, say(one.outcome)),
    element('div', {},
      element('strong', {}, say(`c.${one.check}`)),
      element('p', {}, meaning(one)),
      element('details', {}, element('summary', {}, say('reason')), element('p', {class: 'reason', lang: 'en'}, one.reason)))));
  return element('details', {}, element('summary', {}, say('checks')), element('ul', {class: 'checks'}, ...items));
}

function share({digest, issuer}) {
  const link = `${location.origin}/verify?digest=${digest}&issuer=${encodeURIComponent(issuer).replaceAll('%3A', ':')}`;
  const copy = element('button', {type: 'button', click: async () => {
    await navigator.clipboard.writeText(link);
    copy.textContent = say('share.copied');
  }}, say('share.copy'));
  return element('div', {class: 'share'},
    element('img', {src: `/v1/digests/${digest}/qr${query(issuer)}`, alt: say('share.qr'), width: 144, height: 144}),
    element('div', {}, element('h3', {}, say('share')), element('p', {class: 'small'}, say('share.text')),
      element('p', {}, element('a', {href: link}, element('code', {}, link))), element('div', {class: 'actions'}, copy)));
}

function waiting({body, retryAfterS, digest}, name) {
  const values = {issuer: name ?? body.issuer, date: dateTime(body.receivedAt), minutes: number(Math.max(1, Math.ceil(retryAfterS / 60)))};
  return verdict('waiting', 'calm', say('v.waiting.text', values), facts([
    ['f.handed', name ?? body.issuer, name === null ? say('f.unnamed') : body.issuer],
    ['f.received', dateTime(body.receivedAt)],
    ['f.digest', element('code', {}, digest)]
  ]));
}

function unknown(given, forms) {
  const fault = given.bytes === null || forms.length > 1 ? null : faultOfJson(given.bytes);
  if (fault !== null) {
    return verdict('json', 'warn', say('e.json.text', {reason: fault}), null, 'e');
  }
  const digests = forms.map(form => toHex(form.digest)).concat(given.bytes === null ? page.expected.digest : []);
  return verdict('unknown', 'calm', say('v.unknown.text'), facts([
    given.name ? ['f.file', given.name] : null,
    ['f.digest', element('div', {}, ...digests.map(one => element('div', {}, element('code', {}, one))))]
  ]));
}

/** Where a file that begins like JSON stops being it; null for other files. */
function faultOfJson(bytes) {
  if (!/^[\s\ufeff]*[{[]/.test(new TextDecoder().decode(bytes.subarray(0, 64)))) {
    return null;
  }
  try {
    parseJson(bytes);
    return null;
  } catch (refused) {
    return refused.message;
  }
}

function choice(given, issuers) {
  const buttons = issuers.map(issuer => element('button', {type: 'button', click: () => check(given, issuer)}, issuer));
  return element('div', {}, element('h2', {id: 'verdict'}, say('choose.issuer')), element('p', {}), element('div', {class: 'actions'}, ...buttons));
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
    check({bytes: new TextEncoder().encode(byId('text').value), name: null, proof: null});
  });
  byId('open').addEventListener('submit', event => {
    event.preventDefault();
    open(byId('link').value);
  });
  byId('node').addEventListener('submit', event => {
    event.preventDefault();
    const url = byId('node-url').value.trim();
    if (!/^https?:\/\/(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:\/[A-Za-z0-9._~/-]*)?$/.test(url)) {
      byId('node-now').textContent = say('node.bad');
      return;
    }
    useNode(url);
  });
  byId('node-forget').addEventListener('click', () => useNode(null));
  for (const link of document.querySelectorAll('nav a[hreflang]')) {
    link.addEventListener('click', async event => {
      event.preventDefault();
      await loadMessages(link.hreflang);
      translatePage('title');
      const here = new URL(location.href);
      here.searchParams.set('lang', link.hreflang);
      history.replaceState(null, '', here);
      showNode();
      if (page.draw) {
        present(page.draw);
      }
    });
  }
}

await loadMessages();
listen();
byId('given').hidden = false;
byId('settings').hidden = false;
showNode();
await ledger();
showNode();
document.documentElement.dataset.ready = 'true';
if (page.expected) {
  await check({bytes: null, name: null, proof: null});
}
