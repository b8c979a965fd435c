import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { measureAck } from '../bench/ack.js';
import { measureBatch } from '../bench/batch.js';
import { openDoorStage, type DoorStage } from '../bench/door-stage.js';
import { measureOutage } from '../bench/outage.js';

// Small and with other tests beside it: what is counted is proven here, how fast it is is not.

const around = { onProgress: (): void => undefined, signal: new AbortController().signal };

let stage: DoorStage;
before(async () => {
  stage = await openDoorStage(around);
});
after(() => stage.close());

test('a batch is delivered whole in one activity, without a question to the provider', async () => {
  const settings = { changes: 40, documents: 10, slices: 1 };
  const { failures, slices } = await measureBatch(stage, settings, around);
  assert.deepEqual(failures, { notAnswered200: 0, notDelivered: 0, total: 0 });
  const [slice] = slices;
  assert.ok(slice);
  assert.deepEqual([slice.activities, slice.asking], [1, 0]);
  assert.ok(slice.acknowledgedMs > 0 && slice.deliveredMs >= slice.acknowledgedMs);
});

test('what the door acknowledges arrives, and every side is measured beside it', async () => {
  const settings = { callbacks: 30, connections: 10, slices: 1, rate: 15, seconds: 1 };
  const { failures, rates, ratios, verdicts, skipped } = await measureAck(stage, settings, around);
  assert.deepEqual(failures, { notAnswered200: 0, notArrived: 0, total: 0 });
  const sides = ['bare', 'countersign', ...('inbox' in skipped ? [] : ['inbox']), 'textbook'];
  assert.deepEqual(Object.keys(rates), sides);
  assert.ok((rates.countersign?.median ?? 0) > 0);
  assert.ok((ratios.bare?.median ?? 0) > 0);
  assert.ok(verdicts.every(({ measured }) => measured > 0));
});

test('what is answered while Temporal is away arrives, though the webhook is killed', async () => {
  const { failures, callbacks } = await measureOutage(
    stage,
    { minutes: 0, seconds: 2, rate: 10 },
    around,
  );
  assert.deepEqual(failures, {
    notAnswered200: 0,
    notArrived: 0,
    batchMissing: 0,
    batchOutOfOrder: 0,
    total: 0,
  });
  // 20 in two seconds, and a batch in each of them.
  assert.ok(callbacks >= 22, `${callbacks} callbacks`);
});
