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
  return (messages[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

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

/** Days before months, as all of these languages have it in Europe. */
const locale = () => language() === 'en' ? 'en-GB' : language();

/** `timeStyle`: of Intl. */
export function dateTime(text, timeStyle = 'short') {
  return new Intl.DateTimeFormat(locale(), {dateStyle: 'long', timeStyle}).format(new Date(text));
}

export function date(text) {
  return new Intl.DateTimeFormat(locale(), {dateStyle: 'long'}).format(new Date(text));
}

export function number(value) {
  return new Intl.NumberFormat(locale()).format(value);
}
