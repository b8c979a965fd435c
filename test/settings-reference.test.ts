import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  readersOfSettings,
  SETTINGS_PAGE,
  variablesOf,
  withReaders,
} from './support/settings-reference.js';

const page = readFileSync(SETTINGS_PAGE, 'utf8');
const rows = page.split('\n').filter((line) => line.startsWith('| `'));
const documented = rows.flatMap(variablesOf);
const readers = readersOfSettings();

test('every variable that a process reads is on the page', () => {
  assert.ok(readers.size > 70, String(readers.size));
  assert.deepEqual(
    [...readers.keys()].filter((name) => !documented.includes(name)),
    [],
  );
});

test('every variable on the page is read by some process, and stands there once', () => {
  const own = documented.filter((name) => !name.startsWith('TEMPORAL_') || readers.has(name));
  assert.deepEqual(
    own.filter((name) => !readers.has(name)),
    [],
  );
  assert.equal(new Set(documented).size, documented.length);
});

test('the page says who reads each: npm run settings-reference brings it up to date', () => {
  assert.equal(page, withReaders(page, readers));
});

test('what the README shows of the settings is as the page has it', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const table = /## Settings\n(.*?)\n## /s.exec(readme)?.[1] ?? assert.fail('no settings');
  const shown = table.split('\n').filter((line) => line.startsWith('| `'));
  assert.ok(shown.length > 5);
  for (const row of shown) {
    const same = rows.find((each) => each.split('|')[1] === row.split('|')[1]);
    assert.equal(same?.split('|')[2]?.trim(), row.split('|')[2]?.trim(), row);
  }
});
