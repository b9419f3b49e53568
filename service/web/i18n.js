/** Messages in the page's language, and small pieces of DOM. Nothing here writes HTML: texts stay texts. */

let messages = {};

export const language = () => document.documentElement.lang;

export async function loadMessages(wanted = language()) {
  const response = await fetch(`/web/messages/${wanted}.json`);
  if (!response.ok) {
    throw new Error(`no messages in ${wanted}`);
  }
  messages = await response.json();
  document.documentElement.lang = wanted;
}

export const has = key => Object.hasOwn(messages, key);

export function say(key, values = {}) {
  return (messages[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => isolated(plain(String(values[name] ?? whole))));
}

/** Without controls, which could turn the words around them or hide some (Unicode Technical Report 36, section 2.5). */
export const plain = text => text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g, '\ufffd');

/** Names written from right to left do not turn the sentence around them (Unicode Standard Annex 9, isolates). */
const isolated = text => /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/.test(text) ? `\u2068${text}\u2069` : text;

/** Put every fixed text of the page into the language that was loaded. */
export function translatePage(titleKey) {
  document.title = say(titleKey);
  for (const one of document.querySelectorAll('[data-t]')) {
    one.textContent = say(one.dataset.t);
  }
  for (const one of document.querySelectorAll('[data-t-label]')) {
    one.setAttribute('aria-label', say(one.dataset.tLabel));
  }
  for (const one of document.querySelectorAll('nav a[hreflang]')) {
    if (one.hreflang === language()) {
      one.setAttribute('aria-current', 'true');
    } else {
      one.removeAttribute('aria-current');
    }
  }
}

function inLanguage(address, wanted) {
  const url = new URL(address);
  url.searchParams.set('lang', wanted);
  return url.href;
}

/** The switch of language changes it in place. `titleKey`: of the page. `changed`, `failed`: called when it did, or did not. */
export function listenToLanguages(titleKey, changed, failed) {
  for (const link of document.querySelectorAll('nav a[hreflang]')) {
    link.addEventListener('click', async event => {
      event.preventDefault();
      try {
        await loadMessages(link.hreflang);
      } catch {
        return failed();
      }
      translatePage(titleKey);
      for (const one of document.querySelectorAll('header a.brand, footer a')) {
        one.href = inLanguage(one.href, link.hreflang);
      }
      history.replaceState(null, '', inLanguage(location.href, link.hreflang));
      return changed();
    });
  }
}

/** An element. `children`: elements and texts; null is left out. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  fill(made, attributes, children);
  return made;
}

export function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  fill(made, attributes, children);
  return made;
}

function fill(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') {
      made.addEventListener(key, value);
    } else {
      made.setAttribute(key, value);
    }
  }
  made.append(...children.filter(one => one !== null));
}

// Chromium knows neither Galician nor Basque and would write as in the United States. There dates are made of words of the catalogue, and
// numbers and times are written as in Spanish, which is how both write them.

const isKnown = () => Intl.DateTimeFormat.supportedLocalesOf(language()).length > 0;

/** Days before months, as all of these languages have it in Europe. */
const locale = () => language() === 'en' ? 'en-GB' : isKnown() ? language() : 'es';

/** Of a moment, where the reader is. `timeZone`: another, as a day of a credential is one in UTC. */
export function date(text, timeZone = undefined) {
  const moment = new Date(text);
  if (isKnown()) {
    return new Intl.DateTimeFormat(locale(), {dateStyle: 'long', timeZone}).format(moment);
  }
  const parts = new Intl.DateTimeFormat('en', {day: 'numeric', month: 'numeric', year: 'numeric', timeZone}).formatToParts(moment);
  const {day, month, year} = Object.fromEntries(parts.map(({type, value}) => [type, value]));
  return say('date', {day, month: say('months').split(' ')[month - 1], year});
}

/** With its zone, since what is printed is read elsewhere. */
export function dateTime(text) {
  const moment = new Date(text), day = {day: 'numeric', month: 'long', year: 'numeric'};
  const clock = {hour: '2-digit', minute: '2-digit', timeZoneName: 'short'};
  return isKnown()
    ? new Intl.DateTimeFormat(locale(), {...day, ...clock}).format(moment)
    : `${date(text)}, ${new Intl.DateTimeFormat(locale(), clock).format(moment)}`;
}

export function time(text) {
  return new Intl.DateTimeFormat(locale(), {timeStyle: 'medium'}).format(new Date(text));
}

export function number(value) {
  return new Intl.NumberFormat(locale()).format(value);
}

/** Seconds in the largest unit that leaves a number to grasp, by its symbol, which no language inflects. */
export function duration(seconds) {
  const [size, unit] = [[86_400, 'd'], [3600, 'h'], [60, 'min']].find(([one]) => seconds >= 2 * one) ?? [1, 's'];
  return `${number(Math.round(10 * seconds / size) / 10)}\u00a0${unit}`;
}
