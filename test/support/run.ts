/** `npm test`: fetches the Temporal binary, makes the build, and runs all test files, or some. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { findTestBinary } from './temporal.js';
import { makeBuild } from './build.js';

const folder = fileURLToPath(new URL('..', import.meta.url));
const named = process.argv.slice(2);
const all = readdirSync(folder).filter((name) => name.endsWith('.test.ts'));
const files = named.length > 0 ? named : all.map((name) => `test/${name}`);
const COUNTERSIGN_TEMPORAL_CLI = await findTestBinary();
// One file alone runs as soon from the sources.
const shared = named.length > 0 ? {} : await makeBuild();

const { status } = spawnSync(
  process.execPath,
  [
    ...['--import', 'tsx/esm', '--test', '--test-reporter=spec'],
    // Each has a server of its own. Many wait more than they compute: three keep two cores busy.
    '--test-concurrency=3',
    // A failed test can leave something running that keeps its file's process alive.
    '--test-timeout=1200000',
    ...files,
  ],
  {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env: { ...process.env, COUNTERSIGN_TEMPORAL_CLI, ...shared },
    stdio: 'inherit',
  },
);
process.exitCode = status ?? 1;
