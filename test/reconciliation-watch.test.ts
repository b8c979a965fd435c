import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lookFrom, type Look, type WatchState } from '../workflows/reconciliation-watch-state.js';

const HOUR_MS = 3_600_000;
const BEGUN_MS = Date.parse('2026-01-01T00:00:00.000Z');
const POLICY = { channels: ['log', 'http', 'slack'], maxAgeMs: 26 * HOUR_MS } as const;

function at(hours: number): string {
  return new Date(BEGUN_MS + hours * HOUR_MS).toISOString();
}

/** A look so many hours after the watch began, where a run had succeeded before or never. */
function look(hours: number, state: WatchState, succeededHours?: number): Look {
  const succeeded = succeededHours === undefined ? {} : { succeededAt: at(succeededHours) };
  return lookFrom(state, { ...POLICY, ...succeeded }, BEGUN_MS + hours * HOUR_MS);
}

const NEW: WatchState = { since: at(0) };

test('nothing is told before a run is overdue; without any the watch’s own beginning counts', () => {
  assert.deepEqual(look(0, NEW), { channels: [], state: NEW, sleepMs: 6 * HOUR_MS });
  assert.equal(look(25, NEW).sleepMs, HOUR_MS + 1000);
  assert.equal(look(26, NEW).overdue?.subject, `reconciliation/${at(0)}`);
  assert.equal(look(26, NEW, 1).overdue, undefined);
});

test('a gap is told once, on every channel that takes such events', () => {
  const first = look(27, NEW, 0);
  assert.deepEqual(first.channels, ['log', 'http', 'slack']);
  assert.match(first.overdue?.reason ?? '', /no reconciliation has covered everything since 2026/);
  for (const hours of [33, 100, 1000]) {
    const later = look(hours, first.state, 0);
    assert.deepEqual(later.channels, []);
    assert.deepEqual(later.state, first.state);
    assert.equal(later.sleepMs, 6 * HOUR_MS);
  }
  const last = { ...POLICY, events: { http: ['document.*'] }, succeededAt: at(0) };
  assert.deepEqual(lookFrom(NEW, last, BEGUN_MS + 27 * HOUR_MS).channels, ['log', 'slack']);
});

test('a complete run ends the gap, and the next gap is told again', () => {
  const { state } = look(27, NEW, 0);
  const between = look(33, state, 30);
  assert.equal(between.overdue, undefined);
  const second = look(57, between.state, 30);
  assert.deepEqual(second.channels, ['log', 'http', 'slack']);
  assert.equal(second.overdue?.subject, `reconciliation/${at(30)}`);
  // Also where it came and went between two looks.
  assert.deepEqual(look(57, state, 30).channels, ['log', 'http', 'slack']);
});

test('a channel that did not take it is told again in the same words, and it alone', () => {
  const first = look(27, NEW, 0);
  const again = look(33, { ...first.state, unheard: ['slack'] }, 0);
  assert.deepEqual(again.channels, ['slack']);
  assert.deepEqual(again.overdue, first.overdue);
  assert.deepEqual(look(39, again.state, 0).channels, []);
  // What it did not take is past with the gap.
  const past = look(39, { ...first.state, unheard: ['slack'] }, 38);
  assert.deepEqual(look(39, past.state, 0).channels, []);
});

test('a gap outlasts the retention: the last run is remembered, and told of once', () => {
  const before = look(40, NEW, 30);
  // Temporal has forgotten the run by now.
  const told = look(70, before.state);
  assert.equal(told.overdue?.subject, `reconciliation/${at(30)}`);
  assert.deepEqual(told.channels, ['log', 'http', 'slack']);
  const first = look(57, before.state, 30);
  assert.deepEqual(look(110, first.state).channels, []);
});
