/** What the page asks the service: digests and issuers go there, and nothing else of a credential. Every question ends within a time. */

export const TIMEOUT_MS = 15_000;

/** {status, body, retryAfterS}, or null where the service does not answer or cannot do its work. */
export async function ask(path) {
  try {
    const response = await fetch(path, {signal: AbortSignal.timeout(TIMEOUT_MS), headers: {Accept: 'application/json'}});
    if (response.status >= 500 || response.status === 429) {
      return null;
    }
    return {status: response.status, body: await response.json(), retryAfterS: Number(response.headers.get('retry-after') ?? 60)};
  } catch {
    return null;
  }
}

const query = issuer => issuer ? `?issuer=${encodeURIComponent(issuer)}` : '';

/** What the service has for the first of these digests that it knows: its answer and `digest`; null when it does not answer. */
export async function findProof(digests, issuer) {
  for (const digest of digests) {
    const found = await ask(`/v1/proofs/${digest}${query(issuer)}`);
    if (found === null || found.status !== 404) {
      return found && {...found, digest};
    }
  }
  return {status: 404};
}

/** {status, since} as the service says it, which is before the ledger shows it; both null where it does not say. */
export async function statusOf(digest, issuer) {
  const found = await ask(`/v1/status/${digest}${query(issuer)}`), told = found?.status === 200 ? found.body : null;
  return {status: told?.status ?? null, since: told?.since ?? null};
}

/** The operator's name of an issuer; null where there is none, undefined where the service did not answer. */
export async function nameOf(did) {
  const found = await ask(`/v1/issuers/${encodeURIComponent(did)}`);
  return found === null ? undefined : found.status === 200 ? found.body.name : null;
}

/** Whether the reader of PDFs is here. It is loaded with the page, so that a PDF with its proof is checked without the service. */
export function isPdfReaderHere() {
  const late = new Promise(resolve => setTimeout(resolve, TIMEOUT_MS, false));
  return Promise.race([import('./pdf.js').then(() => true, () => false), late]);
}

/** Of others. Credentials never go along, nor does the address of this page. */
export function fetchOfOthers(url, options) {
  return fetch(url, {...options, credentials: 'omit', referrerPolicy: 'no-referrer'});
}
