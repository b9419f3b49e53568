// {list, credential}: the credential's status by 4Sure's library, which checks no proof.
import {checkStatus} from '@4sure-tech/vc-bitstring-status-lists';
import {judge} from './cases.mjs';

await judge(async ({list, credential}) => {
  // The library wants a member in the list that the Recommendation has for other purposes only, and its context for none.
  const subject = {statusSize: 1, ...list.credentialSubject};
  const getStatusListCredential = async () => ({...list, credentialSubject: subject});
  const result = await checkStatus({credential, getStatusListCredential});
  return {accepted: !result.error, verified: result.verified, status: result.status, error: result.error?.message};
});
