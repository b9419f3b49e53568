/** The page at /status-page: figures of GET /v1/stats as tiles, plots and a table; again every half minute. */
import {date, dateTime, duration, element, language, loadMessages, number, say, svg, time} from './i18n.js';

const EVERY_MS = 30_000, PATIENCE_MS = 9_000;
const place = document.getElementById('stats'), progress = document.getElementById('progress');

async function draw() {
  try {
    const response = await fetch('/v1/stats', {signal: AbortSignal.timeout(PATIENCE_MS)});
    if (!response.ok) {
      throw new Error(String(response.status));
    }
    show(await response.json());
    progress.textContent = '';
  } catch {
    progress.textContent = say('s.dead'); // or it says what is no figure of a service
  }
}

function show(stats) {
  const batches = stats.newestBatches.toReversed();
  place.replaceChildren(
    tiles(stats),
    element('div', {class: 'plots'},
      plot('s.digests', batches.map(one => one.leafCount)),
      plot('s.final', batches.filter(one => one.toFinalS !== null).map(one => one.toFinalS))),
    rounds(stats.rounds),
    element('p', {class: 'small'}, say('s.asof', {date: dateTime(stats.asOf)}))
  );
}

function tiles({waiting, batches, head, rounds: list, roundEveryS, stalledAfterS}) {
  const lag = head && say(head.lagS > stalledAfterS ? 's.stalled' : 's.lag', {duration: duration(head.lagS)});
  const newest = list.find(one => one.result !== null) ?? list[0]; // one that goes on has no result yet
  return element('div', {class: 'tiles'},
    tile('s.waiting', number(waiting)),
    tile('s.anchored', number(batches.final)),
    tile('s.head', head ? number(head.number) : '–', lag),
    tile('s.round', newest ? resultOf(newest) : '–', say('s.every', {duration: duration(roundEveryS)})));
}

function tile(key, value, note = null) {
  return element('div', {class: 'tile'}, element('span', {class: 'small'}, say(key)), element('strong', {}, value),
    note === null ? null : element('span', {class: 'small'}, note));
}

function resultOf(round) {
  return say(round.result === null ? 's.running' : `s.${round.result}`);
}

const WIDTH = 480, HEIGHT = 170, LEFT = 60, FOOT = 8;

function plot(key, values) {
  const most = Math.max(...values, 0), title = element('h2', {}, say(key));
  if (!values.length) {
    return element('section', {class: 'card plot'}, title, element('p', {}, say('s.none')));
  }
  const what = say('s.plot', {what: say(key), count: number(values.length), least: number(Math.min(...values)), most: number(most)});
  const room = HEIGHT - FOOT - 14, step = (WIDTH - LEFT) / Math.max(values.length, 12), height = value => most ? Math.max(1.5, room * value / most) : 1.5;
  const bars = values.map((value, i) => svg('rect', {
    x: LEFT + i * step + 1, y: HEIGHT - FOOT - height(value), width: Math.max(1, step - 2), height: height(value), rx: 1.5
  }));
  const line = (value, y) => [svg('line', {x1: LEFT, x2: WIDTH, y1: y, y2: y}), svg('text', {x: LEFT - 6, y: y + 4, 'text-anchor': 'end'}, value)];
  return element('section', {class: 'card plot'}, title, svg('svg', {viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': what},
    ...line(number(most), 14), ...line('0', HEIGHT - FOOT), ...bars));
}

function began(at) {
  return element('span', {}, time(at), element('small', {}, date(at)));
}

function rounds(list) {
  const row = (name, cells) => element('tr', {}, ...cells.map(cell => element(name, name === 'th' ? {scope: 'col'} : {}, cell)));
  const rows = list.map(one => row('td', [
    began(one.startedAt), one.tookS === null ? '–' : duration(one.tookS), resultOf(one), one.headNumber === null ? '–' : number(one.headNumber)
  ]));
  const table = element('table', {},
    element('thead', {}, row('th', ['s.began', 's.took', 's.result', 's.block'].map(key => say(key)))), element('tbody', {}, ...rows));
  return element('section', {class: 'card', 'aria-labelledby': 'rounds'}, element('h2', {id: 'rounds'}, say('s.rounds')),
    rows.length ? element('div', {class: 'scroll', tabindex: 0, role: 'group', 'aria-labelledby': 'rounds'}, table) : element('p', {}, say('s.none')));
}

await loadMessages(language());
progress.textContent = say('s.ask');
await draw();
document.documentElement.dataset.ready = 'true';
setInterval(draw, EVERY_MS);
