// Unpacks the browser that npm brought beside it, once, and prints its path as JSON.
import {existsSync, mkdirSync, renameSync, rmSync} from 'node:fs';
import {fileURLToPath} from 'node:url';

const folder = fileURLToPath(new URL('node_modules/.browser', import.meta.url));
if (!existsSync(folder)) {
  const own = `${folder}-${process.pid}`; // processes that begin at once each unpack their own, and the first one counts
  mkdirSync(own);
  process.env.TMPDIR = own; // the package unpacks there
  const {default: chromium} = await import('@sparticuz/chromium');
  await chromium.executablePath();
  try {
    renameSync(own, folder);
  } catch (failed) {
    if (!existsSync(folder)) {
      throw failed;
    }
    rmSync(own, {recursive: true});
  }
}
process.stdout.write(JSON.stringify({path: `${folder}/chromium`}));
