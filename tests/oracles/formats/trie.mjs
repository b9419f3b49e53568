// {root, key, nodes, in hexadecimal}: what @ethereumjs/trie finds at the key, its own hashing of keys and all.
import {Trie} from '@ethereumjs/trie';
import {judge} from '../cases.mjs';

const bytes = text => Uint8Array.from(Buffer.from(text.slice(2), 'hex'));

await judge(async ({root, key, nodes, hashed}) => {
  const trie = await Trie.createFromProof(nodes.map(bytes), {root: bytes(root), useKeyHashing: hashed});
  const found = await trie.get(bytes(key), true);
  return {accepted: found !== null, value: found && `0x${Buffer.from(found).toString('hex')}`};
});
