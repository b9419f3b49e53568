/** What the page at /verify shows of a result: verdict, facts, checks. It asks nobody. */
import {date, dateTime, duration, element, has, language, number, plain, say, svg} from './i18n.js';
import {faultOfJson, isPicture, isUnseen, outcomesOf, reserveOf, toDo, verdictBesideLink, verdictOf, verdictOfWaiting} from './judgement.js';
import {namedAccreditations} from './accreditation.js';
import {REQUIRED, toHex} from './verify.js';

const MOST_OTHERS = 5, LONGEST = 200, WRONG_CLOCK_S = 3600;
const byId = id => document.getElementById(id);
const TICK = 'M7 12.5l3.4 3.4L17 8.6';
const MARKS = {good: TICK, part: TICK, bad: 'M8 8l8 8M16 8l-8 8', warn: 'M12 6.5v7M12 17v.01', calm: 'M12 17v-5.5M12 7.5v-.01'};
const PASSING = ['notfinal', 'service', 'stale', 'untold']; // what may be otherwise in a while
const TONES = {passed: 'good', failed: 'bad', 'cannot tell': 'calm'};

/** A verdict and what goes with it. `group`: of the messages, `v` for verdicts and `e` for errors. `retry`: asks again, or null. */
export function verdict(key, tone, text, more = null, {group = 'v', retry = null} = {}) {
  return [head(key, tone, text, group), more, actions(retry && button('retry', retry), againButton())].filter(Boolean);
}

function head(key, tone, text, group = 'v') {
  const mark = svg('svg', {viewBox: '0 0 24 24', 'aria-hidden': 'true'}, svg('circle', {cx: 12, cy: 12, r: 11}), svg('path', {d: MARKS[tone]}));
  const words = element('div', {}, element('h2', {id: 'verdict'}, say(`${group}.${key}`)), element('p', {}, text));
  return element('div', {class: `verdict ${tone}`, 'data-verdict': group === 'v' ? key : `${group}.${key}`}, mark, words);
}

const actions = (...buttons) => element('div', {class: 'actions'}, ...buttons.filter(Boolean));
const button = (key, click) => element('button', {type: 'button', click}, say(key));
const againButton = () => button('again', () => byId('file').click());

function advice(sentences, tone) {
  return sentences.length ? element('div', {class: `advice ${tone}`},
    element('h3', {}, say('advice')), element('ul', {}, ...sentences.map(one => element('li', {}, one)))) : null;
}

function facts(pairs) {
  return element('dl', {}, ...pairs.filter(Boolean).flatMap(([term, value, note = null]) => [
    element('dt', {}, say(term)),
    element('dd', {}, value, note === null ? null : element('small', {}, note))
  ]));
}

/** Somebody else's words keep their own direction. */
const own = text => element('bdi', {}, plain(text));
const cut = text => text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
const code = text => element('code', {}, text);

/** `name`: null where the operator has none, undefined where that could not be asked, or is still to come. */
function issuerFact(term, did, name) {
  return [term, own(cut(name ?? did)), name ? did : name === null ? say('f.unnamed') : null];
}

/** Words for those who look further, in English as the verifier gives them. */
const technical = reason => element('p', {class: 'reason', lang: 'en'}, plain(reason));

/**
 * `given`: {bytes, name, others, isProofLeft, isAnswerLeft}. `aheadS`: of `ask`. `word`: what the service says, as verdictOf takes it. `isKnown`: whether the service gave the proof.
 * `asked`: {node, registry}, the URLs that were asked, or null. `trusted`: {registry, finality, isOwn}, the contract that was read.
 * `link`: of besideLink. `retry`, `forgetLink`: judge it again, or without the link.
 */
export function result({given, report, aheadS = 0, word, name, isKnown, asked, trusted, link, retry, forgetLink}) {
  const {proof} = report, hasFile = given.bytes !== null, {validFrom: from, validUntil: until} = report.validity;
  const judged = verdictOf(report, hasFile, word), reserve = reserveOf(report, hasFile, word);
  const {key, tone, basis = null} = verdictBesideLink(judged, link, outcomesOf(report)['issuer-match']), isShown = [null, 'service'].includes(reserve);
  const values = {
    issuer: cut(name ?? proof.issuer), what: say(report.isInPart ? 'what.part' : 'what.whole'),
    date: date(proof.anchor.anchoredAt), from: from && date(from, 'UTC'), until: until && date(until, 'UTC')
  };
  const ofProof = [
    issuerFact('f.issuer', proof.issuer, name),
    ['f.anchored', dateTime(proof.anchor.anchoredAt), say('f.block', {block: number(proof.anchor.blockNumber), ledger: proof.anchor.ledger})],
    ['f.status', ...statusFact(isShown || reserve === 'unshown' ? report : NO_REPORT, word)]
  ];
  const ofFile = [
    until && ['f.until', date(until, 'UTC'), say('f.until.says')],
    hasFile && isShown && key !== 'stranger' && ['f.accreditation', ...accreditationFact(given.bytes, report, asked.registry)],
    ...givenFacts(given, link)
  ];
  const ofLedger = [
    ['f.ledger', ledgerFact(report, asked.node)],
    trusted.registry && ['f.contract', code(trusted.registry), say(trusted.isOwn ? 'f.contract.own' : 'f.contract.operator', {rule: trusted.finality})],
    ['f.digest', code(proof.digest)]
  ], ofNow = ['f.checked', dateTime(report.checkedAt)];
  return [
    head(key, tone, sentences([basis && `v.${basis}.text`, `v.${key}.text`, report.isInPart && tone !== 'bad' && 'c.digest.part'], values)),
    advice([...clock(aheadS), ...toDo(report, REQUIRED, {key, tone}).map(one => meaning(one, given, report, word))], tone),
    ...reserve === null ? [facts([...ofProof, ...ofFile, ...ofLedger, ofNow])] : [
      element('div', {class: 'said', 'data-reserve': reserve}, element('h3', {}, say(`r.${reserve}`)), facts([...ofProof, ...ofLedger])),
      facts([...ofFile, ofNow])
    ],
    checks(report, given, word),
    isShown && key !== 'stranger' && (isKnown || word.isKnown) ? share(proof) : null,
    actions(['other', 'misnamed'].includes(key) && button('forget', forgetLink), (PASSING.includes(key) || word.isSilent) && button('retry', retry),
      againButton(), button('print', () => print()))
  ].filter(Boolean);
}

/** What is to be done about a clock that is so far off that something else is over, or has begun. */
const clock = aheadS => Math.abs(aheadS) < WRONG_CLOCK_S ? [] : [say('clock', {duration: duration(Math.abs(aheadS))})];

const sentences = (keys, values) => keys.filter(Boolean).map(key => say(key, values)).join(' ');

const NO_REPORT = {checks: [], statusLists: []};

/** What was given and answered, and how it was taken. */
function givenFacts(given, link) {
  return [
    given.name && ['f.file', own(cut(given.name))],
    given.isProofLeft && ['f.proof', say('f.proof.left')],
    given.isAnswerLeft && ['f.service', say('f.service.left')],
    link.isOther && ['f.link', say('f.link.other')],
    link.issuer && ['f.link', own(cut(link.issuer)), say('f.link.issuer')],
    given.others?.length && ['f.others', own(given.others.slice(0, MOST_OTHERS).join(', ')), say('f.others.says', {count: number(given.others.length)})]
  ];
}

function statusFact(report, word) {
  const outcomes = outcomesOf(report), found = report.statusLists.map(one => one.verdict);
  const said = outcomes['issuer-match'] === 'failed' ? null : word.status; // nobody else can say it of the file
  const bad = ['revoked', 'suspended'].find(one => found.includes(one) || said === one);
  if (bad) {
    const source = found.includes(bad) ? null : say(outcomes.status === 'passed' ? 'f.pending' : 'f.said');
    return [say(`v.${bad}`), [word.since ? say('f.since', {date: dateTime(word.since)}) : null, source].filter(Boolean).join('. ') || null];
  }
  if (outcomes.status === 'failed') {
    return [say('v.stale')];
  }
  const key = outcomes.status === 'passed' ? 'f.clear' : said === 'clear' && !isUnseen(report, word) ? 'f.clear.service' : 'cannot tell';
  return [say(key), word.isSilent ? say('f.silent') : null];
}

/** Whether the service says so, of whom it may say it. */
const isTakenBack = (report, word) => outcomesOf(report)['issuer-match'] !== 'failed' && ['revoked', 'suspended'].includes(word.status);

/** What the registry shows, or what the file says of itself, which nobody checked. */
function accreditationFact(credential, report, registry) {
  const outcome = outcomesOf(report).accreditation;
  if (outcome !== 'cannot tell') {
    return [say(`f.accreditation.${outcome}`), say('f.accreditation.says', {host: new URL(registry).host})];
  }
  const named = namedAccreditations(credential, language());
  return named.length ? [say('f.accreditation.named'), own(named.map(cut).join(' · '))] : [say('f.accreditation.none')];
}

function ledgerFact(report, node) {
  return node === null ? say('f.indirect') : say(report.isLedgerRead ? 'f.direct' : report.isOtherLedger ? 'f.foreign' : 'f.dead', {node: new URL(node).host});
}

const OF_THE_FILE = ['issuer-match', 'credential-signature', 'accreditation', 'status'];

function meaning({check: name, outcome, reason}, given, report, word) {
  const hasFile = given.bytes !== null, isUntold = outcome === 'cannot tell';
  const key = !hasFile && isUntold && OF_THE_FILE.includes(name) ? 'unknown.file'
    : name === 'digest' && outcome === 'passed' && report.isInPart ? 'c.digest.part'
    : hasFile && isUntold && name === 'digest' ? report.isAddedTo ? 'c.digest.added' : 'c.digest.unread'
      : isUntold && name === 'root' && report.isOtherLedger ? 'c.root.foreign'
        : name === 'status' && outcome === 'passed' && isTakenBack(report, word) ? 'c.status.pending' : `c.${name}.${outcome}`;
  return has(key) ? say(key) : reason;
}

function checks(report, given, word) {
  const items = report.checks.map(one => element('li', {'data-check': one.check, 'data-outcome': one.outcome},
    element('span', {class: `outcome ${TONES[one.outcome]}`}, say(one.outcome)),
    element('div', {},
      element('strong', {}, say(`c.${one.check}`)),
      element('p', {}, meaning(one, given, report, word)),
      element('details', {}, element('summary', {}, say('reason')), technical(one.reason)))));
  return element('details', {class: 'all'}, element('summary', {}, say('checks')), element('ul', {class: 'checks'}, ...items));
}

function share({digest, issuer}) {
  const asked = encodeURIComponent(issuer), link = `${location.origin}/verify?digest=${digest}&issuer=${asked.replaceAll('%3A', ':')}`;
  const address = element('a', {href: link}, code(link));
  const copy = element('button', {type: 'button', click: async () => {
    try {
      await navigator.clipboard.writeText(link);
      copy.textContent = say('share.copied');
    } catch {
      getSelection().selectAllChildren(address); // the browser does not allow it: then it is selected
    }
  }}, say('share.copy'));
  return element('div', {class: 'share'},
    element('img', {src: `/v1/digests/${digest}/qr?issuer=${asked}`, alt: say('share.qr'), width: 144, height: 144}),
    element('div', {}, element('h3', {}, say('share')), element('p', {class: 'small'}, say('share.text')), element('p', {}, address), actions(copy)));
}

/** `validity`: of readableValidity. `word`: of statusOf. `found`: the service's answer. `name`: of who handed it in. `link`: of besideLink. */
export function waiting({given, validity, found: {body, retryAfterS, digest}, name, word, link, retry}) {
  const {validUntil: until} = validity, judged = verdictOfWaiting(given.bytes, body.issuer, word.status, validity), {key, tone} = verdictBesideLink(judged, link, judged.match);
  const wait = duration(retryAfterS);
  const values = {issuer: cut(name ?? body.issuer), date: dateTime(body.receivedAt), until: until && date(until, 'UTC'), wait};
  return verdict(key, tone, say(key === 'waiting' && given.bytes === null ? 'v.waiting.link' : `v.${key}.text`, values), facts([
    issuerFact('f.handed', body.issuer, name),
    given.bytes && ['c.issuer-match', say(`f.match.${judged.match}`)],
    ['f.received', dateTime(body.receivedAt), key === 'waiting' ? null : say('f.waiting', {wait})],
    ['f.status', ...statusFact({...NO_REPORT, checks: [{check: 'issuer-match', outcome: judged.match}]}, word)],
    until && ['f.until', date(until, 'UTC'), say('f.until.says')],
    ...givenFacts(given, link),
    ['f.digest', code(digest)]
  ]), {retry});
}

/** `expected`: digest of the link, where no file was given. */
export function unknown(given, forms, expected) {
  if (given.bytes === null) {
    return verdict('unknown', 'calm', say('unknown.link'), facts([['f.digest', code(expected)]]));
  }
  const fault = forms.length > 1 ? null : faultOfJson(given.bytes);
  if (fault !== null) {
    return verdict(fault.key, 'warn', say(`e.${fault.key}.text`), facts([['reason', technical(fault.reason)]]), {group: 'e'});
  }
  const digests = forms.map(form => element('div', {}, code(toHex(form.digest)))), isOfCamera = isPicture(given.bytes);
  const more = [advice([say(isOfCamera ? 'unknown.picture.todo' : 'unknown.todo')], 'calm'), facts([
    given.name && ['f.file', own(cut(given.name))], ['f.digest', element('div', {}, ...digests)]
  ])];
  return verdict('unknown', 'calm', say(isOfCamera ? 'unknown.picture' : 'v.unknown.text'), element('div', {}, ...more));
}

/** What was given as a proof and is none, and why. */
export function unreadable(reason) {
  return verdict('broken', 'bad', say('v.broken.text'), facts([['reason', technical(reason)]]));
}

/** `issuers`: [did, name]. `choose`: takes the DID. */
export function choice(issuers, choose) {
  return choices('choice', {}, issuers.map(([did, name]) => [name ?? did, name ? did : null, () => choose(did)]));
}

/** Several were given, each to be checked by itself. `choose`: takes one of them. */
export function files(given, choose) {
  return choices('files', {count: number(given.length)}, given.map(one => [one.name, null, () => choose(one)]));
}

function choices(key, values, options) {
  const buttons = options.map(([label, note, click]) => element('button', {type: 'button', click},
    own(cut(label)), note === null ? null : element('small', {}, note)));
  return [head(key, 'calm', say(`v.${key}.text`, values)), element('div', {class: 'choices'}, ...buttons)];
}
