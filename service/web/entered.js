/** What the operator names and the reader may replace: a node, a registry of trusted issuers, the contract. */
import {say} from './i18n.js';

const URL_OF_HTTP = /^https?:\/\/((?:[A-Za-z0-9-]{1,63}\.)*[A-Za-z0-9-]{1,63}\.?)(?::[0-9]{1,5})?(?:\/[A-Za-z0-9._~/-]*)?$/;
const CONTRACT = /^(eip155:(?:0|[1-9][0-9]{0,18}):0x[0-9a-fA-F]{40})(?:\s+(finalized|safe|depth:(?:0|[1-9][0-9]{0,5})))?$/;
const RULE = /^(?:finalized|safe|depth:(?:0|[1-9][0-9]{0,5}))$/;
const RELOADED = 'credanchor-reloaded', OWN_CONTRACT = 'credanchor-contract';

/** Whether a page can be let connect to an address: its policy names hosts as they are written, and none of IPv6. */
function isUrl(text) {
  const [, host] = URL_OF_HTTP.exec(text) ?? [];
  try {
    return host !== undefined && new URL(text).hostname === host.toLowerCase();
  } catch {
    return false; // 127.0.0.256, port 99999
  }
}

/**
 * {value, own, show}. `kind`: in the ids of its form, and in messages. `isFit`: whether a text may be entered. `kept`: {read, write}, of what
 * was entered, or null. `offered`: gives the operator's. What is not fit counts as none.
 */
function entered(kind, isFit, kept, offered) {
  const byId = id => document.getElementById(id), now = byId(`${kind}-now`), fit = text => isFit(text ?? '') ? text : null;
  const own = () => fit(kept.read()), value = () => own() ?? fit(offered());
  const show = () => {
    now.textContent = value() === null ? say(`${kind}.none`) : say(own() ? 'node.own' : 'node.operator', {node: value()});
    byId(`${kind}-forget`).hidden = own() === null;
  };
  byId(kind).addEventListener('submit', event => {
    event.preventDefault();
    const entry = byId(`${kind}-entry`), text = entry.value.trim();
    entry.setAttribute('aria-invalid', String(!isFit(text)));
    if (isFit(text)) {
      kept.write(text);
    } else {
      now.textContent = say(kind === 'contract' ? 'contract.bad' : 'node.bad');
    }
  });
  byId(`${kind}-forget`).addEventListener('click', () => kept.write(null));
  return {value, own, show};
}

/**
 * An address that the server lets this page ask: the page is loaded anew for it, since only its header lets it ask there. `cookie`: keeps it.
 * `hadFile`: whether one was given. Files do not outlive it: the page then says so, where the reader was.
 */
export function enteredUrl(kind, cookie, offered, hadFile) {
  const found = new RegExp(`(?:^|; )${cookie}=((?:[\\w.!~*'()-]|%[0-7][0-9A-F])+)(?:;|$)`).exec(document.cookie), own = found ? decodeURIComponent(found[1]) : null;
  const write = chosen => {
    // Strictly of this site: a link from elsewhere can neither set it nor carry it.
    document.cookie = `${cookie}=${encodeURIComponent(chosen ?? '')}; Path=/verify; SameSite=Strict${chosen === null ? '; Max-Age=0' : ''}`;
    sessionStorage.setItem(RELOADED, JSON.stringify({kind, hadFile: hadFile()}));
    location.reload();
  };
  return entered(kind, isUrl, {read: () => own, write}, offered);
}

/** {kind, hadFile}: why the page was loaded anew; empty where it was not. */
export function afterReload() {
  const found = JSON.parse(sessionStorage.getItem(RELOADED) ?? '{}');
  sessionStorage.removeItem(RELOADED);
  return found;
}

/** The contract whose anchors count, with or without its rule of finality. Kept in this tab alone. `changed`: called when it is another. */
export function enteredContract(offered, changed) {
  const write = chosen => {
    if (chosen === null) {
      sessionStorage.removeItem(OWN_CONTRACT);
    } else {
      sessionStorage.setItem(OWN_CONTRACT, chosen);
    }
    changed();
  };
  return entered('contract', text => CONTRACT.test(text), {read: () => sessionStorage.getItem(OWN_CONTRACT), write}, offered);
}

/** The contract that the service names as its own; null where it names none. */
export function operatorsContract(ledger) {
  const named = `${ledger?.ledger}:${ledger?.contract}`;
  return CONTRACT.test(named) ? named : null;
}

/** {registry, finality, isOwn}, as verify() takes them: what the reader entered, else what the operator says, as far as it is known. */
export function trustedContract(own, ledger) {
  const [, registry, finality] = CONTRACT.exec(own ?? '') ?? [], said = RULE.test(ledger?.finality) ? ledger.finality : 'finalized';
  return {registry: registry ?? operatorsContract(ledger), finality: finality ?? said, isOwn: registry !== undefined};
}
