// {text, contexts}: the canonical graph of a credential as JSON, as stock verifiers of Blockcerts make it, by the library that they use.
import jsonld from 'jsonld';
import {judge} from '../cases.mjs';

const FALLBACK = {'@vocab': 'http://fallback.org/'};

await judge(async ({text, contexts}) => {
  const {proof: _, ...document} = JSON.parse(text), named = document['@context'];
  document['@context'] = named.some(one => typeof one === 'object' && '@vocab' in one) ? named : [...named, FALLBACK];
  const documentLoader = async url => ({contextUrl: null, documentUrl: url, document: contexts[url]});
  return {quads: await jsonld.canonize(document, {algorithm: 'URDNA2015', format: 'application/n-quads', documentLoader})};
});
