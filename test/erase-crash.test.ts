/** `countersign erase` as a process that is killed (SIGKILL) midway, and run again. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isNotFound } from '../activities/failures.js';
import { documentWorkflowId, type ArchiveReceipt } from '../workflows/contract.js';
import { openGuardedTemporal, type GuardedTemporal } from './support/guarded-temporal.js';
import { openReceiver, type Receiver } from './support/receiver.js';
import { openStage, type Stage } from './support/stage.js';
import { until } from './support/until.js';

const FORGETTING_MS = 180_000;
const CHILD = fileURLToPath(new URL('support/erase-child.ts', import.meta.url));

let receiver: Receiver;
let stage: Stage;
let door: GuardedTemporal;

before(async () => {
  receiver = await openReceiver();
  stage = await openStage({
    environment: { NOTIFY_WEBHOOK_URL: receiver.url, NOTIFY_WEBHOOK_SECRETS: receiver.secret },
  });
  door = await openGuardedTemporal(stage.environment['TEMPORAL_ADDRESS'] ?? '');
});

after(async () => {
  await door.close();
  await stage.close();
  await receiver.close();
});

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly output: string;
}

/** Where an erasure is killed. */
interface Death {
  /** Right before the first operation of that name in the archive's folder. */
  readonly before?: string;
  /** When so many histories were asked to go, or had gone; counted from 1, after the first try. */
  readonly at?: readonly ['asked' | 'answered', number];
}

async function erase(
  documentId: string,
  { before: operation = '', at }: Death = {},
): Promise<Ended> {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', CHILD, documentId, stage.archiveFolder, operation],
    {
      env: { ...process.env, ...stage.environment, TEMPORAL_ADDRESS: door.address },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const closed = once(child, 'close') as Promise<[number | null, string | null]>;
  let deletions = 0;
  door.watch(async (method, phase) => {
    if (method !== 'DeleteWorkflowExecution' || phase !== at?.[0]) return true;
    // Whether histories may be deleted is tried first, on one that nobody has: a refusal.
    if ((deletions += 1) !== at[1] + (phase === 'asked' ? 1 : 0)) return true;
    child.kill('SIGKILL');
    await closed;
    return false;
  });
  const [[code, signal], output, complaints] = await Promise.all([
    closed,
    text(child.stdout),
    text(child.stderr),
  ]);
  return { code, signal, output: `${output}${complaints}` };
}

async function killed(documentId: string, death: Death): Promise<void> {
  const { code, signal, output } = await erase(documentId, death);
  assert.deepEqual([code, signal], [null, 'SIGKILL'], `${JSON.stringify(death)} ${output}`);
}

/** Archived, closed, with batches of its own behind it, all of it visible. */
async function finished(): Promise<{ id: string; signers: readonly string[] }> {
  const { id, signers } = stage.sandbox.createDocument({ signers: 2 });
  await stage.countersign.trackDocument(id);
  for (const status of ['emailOpened', 'visited']) {
    stage.sandbox.advanceSigner(signers[0] ?? '', { status });
    await stage.sandbox.flushCallbacks();
  }
  await stage.sandbox.completeDocument(id);
  await stage.sandbox.flushCallbacks();
  await stage.sandbox.idle();
  await stage.countersign.waitForOutcome(id);
  await untilQuiet();
  return { id, signers };
}

async function untilQuiet(): Promise<void> {
  const running = `ExecutionStatus = 'Running'`;
  await until(async () => (await stage.client.workflow.count(running)).count === 0);
}

/** Of the document and its callbacks; nothing else runs on this stage. */
async function histories(): Promise<string[]> {
  const found: string[] = [];
  for await (const { workflowId, runId } of stage.client.workflow.list()) {
    // Visibility shows what is gone for a moment longer.
    const handle = stage.client.workflow.getHandle(workflowId, runId);
    try {
      await handle.fetchHistory();
      found.push(workflowId);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
  return found;
}

/** The server forgets after it said so: of what has just ended, half a minute. */
async function untilLeft(count: number): Promise<void> {
  await until(async () => (await histories()).length === count, FORGETTING_MS);
}

async function receiptOf(id: string): Promise<ArchiveReceipt> {
  return JSON.parse(
    await readFile(join(stage.archiveFolder, id, 'receipt.json'), 'utf8'),
  ) as ArchiveReceipt;
}

async function filesOf(id: string): Promise<string[]> {
  return (await readdir(join(stage.archiveFolder, id))).sort();
}

test('an erasure killed at every step of its way is finished by running it again', async () => {
  const { id, signers } = await finished();
  const receipt = await receiptOf(id);
  const all = await histories();
  assert.ok(all.length >= 4, all.join(' '));

  // The tombstone is written, and not in the receipt's place.
  await killed(id, { before: 'rename' });
  assert.deepEqual(await receiptOf(id), receipt);
  assert.equal((await filesOf(id)).length, 4);

  // It is in its place, and every file is still there.
  await killed(id, { before: 'rm' });
  const { erasedAt } = await receiptOf(id);
  assert.notEqual(erasedAt, undefined);
  assert.ok((await filesOf(id)).includes('document.pdf'));

  // The files are gone, and no history is.
  await killed(id, { at: ['asked', 1] });
  assert.deepEqual(await filesOf(id), ['receipt.json']);
  assert.equal((await histories()).length, all.length);

  // One history is gone.
  await killed(id, { at: ['answered', 1] });
  await untilLeft(all.length - 1);
  // By whom the other callbacks are found.
  assert.ok(signers.every((signer) => JSON.stringify(receipt.changes).includes(signer)));
  assert.deepEqual((await receiptOf(id)).changes, receipt.changes);

  // All histories are gone, and signers' IDs still stand in the tombstone.
  await killed(id, { at: ['answered', all.length - 1] });
  await untilLeft(0);
  assert.deepEqual((await receiptOf(id)).changes, receipt.changes);

  // A callback that comes then begins no second life; what it leaves behind is erased too.
  const announced = receiver.messages.length;
  await stage.countersign.trackDocument(id);
  assert.equal((await stage.countersign.waitForOutcome(id)).alreadyArchived, true);
  await untilQuiet();
  assert.deepEqual(await histories(), [documentWorkflowId(id)]);

  await killed(id, { at: ['answered', 1] });
  await untilLeft(0);

  const { code, output } = await erase(id);
  assert.equal(code, 0, output);
  assert.match(output, /erased .*; a tombstone stays in the archive/);
  assert.deepEqual(await filesOf(id), ['receipt.json']);
  await untilLeft(0);
  assert.deepEqual(await receiptOf(id), { ...receipt, erasedAt, changes: [] });
  assert.equal(receiver.messages.length, announced);
});
