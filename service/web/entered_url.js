/** An address that the operator offers and the reader may replace; the server then lets this page ask it. */
import {say} from './i18n.js';

const PLAIN = /^https?:\/\/(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:\/[A-Za-z0-9._~/-]*)?$/;

/** {url, show}. `kind`: in the ids of its form, and in messages. `cookie`: keeps what was entered. `offered`: gives the operator's.
 * `reload`: loads the page anew with what was entered, since only its header lets it ask there. */
export function enteredUrl(kind, cookie, offered, reload) {
  const found = new RegExp(`(?:^|; )${cookie}=([^;]+)`).exec(document.cookie), own = found ? decodeURIComponent(found[1]) : null;
  const byId = id => document.getElementById(id), now = byId(`${kind}-now`);
  const url = () => own ?? offered() ?? null;
  const show = () => {
    now.textContent = url() === null ? say(`${kind}.none`) : say(own ? 'node.own' : 'node.operator', {node: url()});
    byId(`${kind}-forget`).hidden = own === null;
  };
  const use = chosen => {
    // Strictly of this site: a link from elsewhere can neither set it nor carry it.
    document.cookie = `${cookie}=${encodeURIComponent(chosen ?? '')}; Path=/verify; SameSite=Strict${chosen === null ? '; Max-Age=0' : ''}`;
    reload(kind);
  };
  byId(kind).addEventListener('submit', event => {
    event.preventDefault();
    const entered = byId(`${kind}-url`).value.trim();
    if (PLAIN.test(entered)) {
      use(entered);
    } else {
      now.textContent = say('node.bad');
    }
  });
  byId(`${kind}-forget`).addEventListener('click', () => use(null));
  return {url, show};
}
