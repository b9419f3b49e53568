// {token, jwk, indexes}: the statuses at these indexes, by sd-jwt's library; the signature by node's own cryptography.
import {createPublicKey, verify} from 'node:crypto';
import {getListFromStatusListJWT} from '@sd-jwt/jwt-status-list';
import {judge} from './cases.mjs';

await judge(async ({token, jwk, indexes}) => {
  const [header, payload, signature] = token.split('.');
  const key = {key: createPublicKey({key: jwk, format: 'jwk'}), dsaEncoding: 'ieee-p1363'};
  if (!verify('sha256', Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url'))) {
    throw new Error('the signature does not hold');
  }
  const list = getListFromStatusListJWT(token);
  return {accepted: true, bits: list.getBitsPerStatus(), statuses: indexes.map(index => list.getStatus(index))};
});
