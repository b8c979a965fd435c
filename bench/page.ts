/** `npm run bench:page`: writes the page of kept runs anew. */
import { writePage } from './kept-runs.js';

process.stdout.write(`${await writePage()}\n`);
