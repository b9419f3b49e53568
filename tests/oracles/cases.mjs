// One process judges many cases: JSON {cases: [...]} on stdin, a JSON array of verdicts on stdout.
import {text} from 'node:stream/consumers';

export async function judge(verdict) {
  const {cases} = JSON.parse(await text(process.stdin));
  const verdicts = [];
  for (const one of cases) {
    try {
      verdicts.push(await verdict(one));
    } catch (error) {
      verdicts.push({accepted: false, error: String(error.cause?.message ?? error.message)});
    }
  }
  process.stdout.write(JSON.stringify(verdicts));
}
