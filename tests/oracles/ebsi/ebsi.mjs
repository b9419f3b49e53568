// {credential, list, issuer, kid, jwk, attributes}: EBSI's own library on a credential whose list stands at a proxy of its issuer in a
// Trusted Issuers Registry. The registries are stubs on this machine at the port that the list's URL names.
import {createServer} from 'node:http';
import {verifyCredentialJwt} from '@cef-ebsi/verifiable-credential';
import {judge} from '../cases.mjs';

let served;
const server = createServer((request, response) => {
  const {issuer, kid, jwk, list, attributes = {}} = served;
  const [path] = decodeURIComponent(request.url).split('?');
  const answers = {
    [`/did-registry/v5/identifiers/${issuer}`]: {
      '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/suites/jws-2020/v1'],
      id: issuer,
      verificationMethod: [{id: kid, type: 'JsonWebKey2020', controller: issuer, publicKeyJwk: jwk}],
      authentication: [kid],
      assertionMethod: [kid],
    },
    [`/trusted-issuers-registry/v5/issuers/${issuer}`]: {did: issuer, attributes: [], hasAttributes: true},
    ...attributes,
  };
  if (path === `/trusted-issuers-registry/v5/issuers/${issuer}/proxies/1/credentials/status/1`) {
    response.end(list);
  } else if (answers[path]) {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(answers[path]));
  } else {
    response.statusCode = 404;
    response.end('{"title": "Not Found"}');
  }
});

await judge(async one => {
  if (!server.listening) {
    await new Promise(resolve => server.listen(one.port, '127.0.0.1', resolve));
  }
  served = one;
  const base = `http://localhost:${one.port}`;
  await verifyCredentialJwt(one.credential, {
    ebsiAuthority: `localhost:${one.port}`,
    ebsiEnvConfig: {
      didRegistry: `${base}/did-registry/v5/identifiers`,
      trustedIssuersRegistry: `${base}/trusted-issuers-registry/v5/issuers`,
      trustedPoliciesRegistry: `${base}/trusted-policies-registry/v3/users`,
    },
    validAt: one.validAt,
  });
  return {accepted: true};
});
server.close();
