/** A few thousand cases of `npm run fuzz`, each time others. A failure says how to repeat it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runFuzz, TARGETS } from './fuzz/run-fuzz.js';

/** Together some seconds of one core. */
const ROUTE_CASES = 800;
const PARSER_CASES = 300;

for (const target of TARGETS) {
  const cases = target === 'route' ? ROUTE_CASES : PARSER_CASES;
  test(`${cases} hostile cases find nothing in: ${target}`, { timeout: 60_000 }, async () => {
    const seed = Date.now() % 2 ** 31;
    const report = await runFuzz({ cases, seed, target });
    assert.equal(report.cases, cases);
    if (target !== 'route') return;
    // Were nothing genuine among them, nothing would be shown by what is refused.
    for (const what of ['200', 'stored delivery', '401 signatureWrong', '400 jsonMalformed']) {
      assert.ok((report.tally.get(what) ?? 0) > 0, `${what} is not among the answers`);
    }
  });
}
