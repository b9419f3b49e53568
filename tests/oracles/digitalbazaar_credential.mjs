// {credential, didDocument}: a credential's proof and form, by Digital Bazaar's libraries. Its status is not looked at.
import {DataIntegrityProof} from '@digitalbazaar/data-integrity';
import {createVerifyCryptosuite} from '@digitalbazaar/eddsa-jcs-2022-cryptosuite';
import {contexts} from '@digitalbazaar/credentials-context';
import {verifyCredential} from '@digitalbazaar/vc';
import {judge} from './cases.mjs';

const suite = new DataIntegrityProof({cryptosuite: createVerifyCryptosuite()});

await judge(async ({credential, didDocument}) => {
  const methods = new Map(didDocument.verificationMethod.map(method => [method.id, method]));
  const documentLoader = async wanted => {
    const found = wanted === didDocument.id ? didDocument
      : methods.has(wanted) ? {'@context': 'https://w3id.org/security/multikey/v1', ...methods.get(wanted)}
      : contexts.get(wanted);
    if (!found) {
      throw new Error(`not to be loaded: ${wanted}`);
    }
    return {contextUrl: null, documentUrl: wanted, document: found};
  };
  const checkStatus = async () => ({verified: true});
  const result = await verifyCredential({credential, suite, documentLoader, checkStatus});
  return {accepted: result.verified, error: result.error ? String(result.error.errors?.[0]?.message ?? result.error.message) : null};
});
