/** `npm run fuzz -- --cases 100000 --seed 1`: hostile input for the webhook and every parser. */
import { parseArgs } from 'node:util';
import { runFuzz } from './run-fuzz.js';

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '100000' },
    seed: { type: 'string' },
    target: { type: 'string' },
    path: { type: 'string' },
  },
});
const seed = Number(values.seed ?? Date.now() % 2 ** 31);
const cases = Number(values.cases);
if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(cases) || cases < 1) {
  throw new RangeError('--cases and --seed take whole numbers');
}
process.stdout.write(`seed ${seed}\n`);
const startedMs = Date.now();
const report = await runFuzz({ cases, seed, target: values.target, path: values.path });
for (const [what, count] of [...report.tally].sort()) process.stdout.write(`${count} ${what}\n`);
const tookSeconds = Math.round((Date.now() - startedMs) / 1000);
process.stdout.write(`${report.cases} cases in ${tookSeconds} s: nothing found\n`);
