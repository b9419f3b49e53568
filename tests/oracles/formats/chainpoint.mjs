// {json} or {binary, in base64}: where chainpoint-parse, which checks the schema first, gets to.
import chainpoint from 'chainpoint-parse';
import {judge} from '../cases.mjs';

await judge(async ({json, binary}) => {
  const {hash, branches} = chainpoint.parse(json ?? Buffer.from(binary, 'base64'));
  return {accepted: true, hash, branches};
});
