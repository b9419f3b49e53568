// {list, url, didDocument, credential}: the list's proof and the credential's status, by Digital Bazaar's libraries.
import {DataIntegrityProof} from '@digitalbazaar/data-integrity';
import {createVerifyCryptosuite} from '@digitalbazaar/eddsa-jcs-2022-cryptosuite';
import {checkStatus} from '@digitalbazaar/vc-bitstring-status-list';
import {contexts} from '@digitalbazaar/credentials-context';
import {judge} from './cases.mjs';

const suite = new DataIntegrityProof({cryptosuite: createVerifyCryptosuite()});

await judge(async ({list, url, didDocument, credential, matchingIssuers}) => {
  const methods = new Map(didDocument.verificationMethod.map(method => [method.id, method]));
  const documentLoader = async wanted => {
    const found = wanted === url ? structuredClone(list)
      : wanted === didDocument.id ? didDocument
      : methods.has(wanted) ? {'@context': 'https://w3id.org/security/multikey/v1', ...methods.get(wanted)}
      : contexts.get(wanted);
    if (!found) {
      throw new Error(`not to be loaded: ${wanted}`);
    }
    return {contextUrl: null, documentUrl: wanted, document: found};
  };
  const result = await checkStatus({credential, documentLoader, suite, verifyMatchingIssuers: matchingIssuers});
  if (!result.verified) {
    const causes = [];
    for (let error = result.error; error; error = error.cause ?? error.errors?.[0]) {
      causes.push(error.message);
    }
    return {accepted: false, error: causes.join('; ')};
  }
  return {accepted: true, statuses: result.results.map(({status}) => status)};
});
