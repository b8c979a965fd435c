/** What comes near a payload's 2 MB: at the door, in a document's workflow, from an activity. */
import assert from 'node:assert/strict';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { Client, Connection } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { withinPayload } from '../activities/result-size.js';
import { createDataConverter } from '../codec/data-converter.js';
import { readEncryptionKeys } from '../codec/encryption-keys.js';
import { Settings } from '../configuration/settings.js';
import { documentSnapshot } from '../provider/document-snapshot.js';
import { createCallbackInbox } from '../webhook/callback-inbox.js';
import { PAYLOAD_MAX_BYTES, splitDelivery } from '../webhook/payload-size.js';
import {
  callbackWorkflowId,
  SIGNER_EVENTS,
  SIGNERS_MAX,
  type Activities,
  type CallbackDeliveryInput,
  type DocumentAnnouncement,
  type StatusChange,
  type StatusReport,
} from '../workflows/contract.js';
import {
  initialState,
  withAnnouncement,
  withAttention,
  withReport,
  withStop,
  type DocumentState,
} from '../workflows/document-state.js';
import { dueSignerEvent, OWED_MAX, type DueSignerEvent } from '../workflows/signer-events.js';
import { STALLS_OWED_MAX, stallsOwed } from '../workflows/chasing.js';
import { viewOf } from '../workflows/document-view.js';
import { startTestServer, type TestServer } from './support/temporal.js';
import { inputOf } from './support/workflow-input.js';

/** What Temporal's server takes as one payload. */
const TEMPORAL_MAX_BYTES = 2 * 1024 * 1024;
const AT = '2031-01-01T10:00:00Z';

let server: TestServer;
before(async () => {
  server = await startTestServer();
});
after(() => server.stop());

function bytesOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/** Its entries have exactly as many bytes as one delivery takes, and so many more. */
function deliveryAtTheLimit(more: number): CallbackDeliveryInput {
  const changes: StatusChange[] = Array.from({ length: 10_000 }, (_, position) => ({
    ...{ subject: 'signer', id: randomUUID(), status: 'visited', at: AT, position },
  }));
  const taken = changes.reduce((sum, change) => sum + bytesOf({ change }), 0);
  const filler = { reason: 'unreadable', entry: '' };
  const missing = PAYLOAD_MAX_BYTES + more - taken - bytesOf({ setAside: filler });
  const setAside = [{ ...filler, entry: 'x'.repeat(missing) }];
  return { source: 'batch', receivedAt: AT, changes, setAside };
}

const KEYS = readEncryptionKeys(
  new Settings({ COUNTERSIGN_ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('base64')}` }),
);

for (const [how, keys] of [
  ['plain', []],
  ['encrypted', KEYS],
] as const) {
  test(`a batch of exactly the limit is one delivery, one byte more are two (${how})`, async () => {
    const connection = await Connection.connect({ address: server.address });
    const dataConverter = createDataConverter(keys);
    const client = new Client({ connection, dataConverter });
    const inbox = createCallbackInbox({ client, taskQueue: 'payload-limits', deadlineMs: 20_000 });
    try {
      for (const [more, parts] of [
        [0, 1],
        [1, 2],
      ] as const) {
        const input = deliveryAtTheLimit(more);
        assert.equal(splitDelivery(input).length, parts);
        const digest = createHash('sha256').update(randomUUID()).digest('hex');
        assert.equal(await inbox.store({ kind: 'delivery', digest, input }), 'stored');
        const stored: CallbackDeliveryInput[] = [];
        for (let part = 1; part <= parts; part += 1) {
          stored.push(await inputOf(client, callbackWorkflowId(digest, part)));
        }
        assert.deepEqual(
          stored.flatMap(({ changes }) => changes),
          input.changes,
        );
        assert.deepEqual(
          stored.flatMap(({ setAside }) => setAside),
          input.setAside,
        );
      }
    } finally {
      await inbox.settled();
      await connection.close();
    }
  });
}

/** IDs as long as they may be. */
function signerIds(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `signer-${String(index).padStart(57, '0')}`);
}

/** Of each signer more changes than are kept. */
function reportOf(signers: number): StatusReport {
  const changes = signerIds(signers).flatMap((id, signer) =>
    Array.from({ length: 40 }, (_, index): StatusChange => {
      const status = index % 2 === 0 ? 'fieldsCompletedExceptSignature' : 'signed';
      const at = new Date(Date.parse(AT) + (signer * 40 + index) * 1000).toISOString();
      return { subject: 'signer', id, status, at, position: index };
    }),
  );
  return { source: 'batch', changes };
}

/** With all that an announcement may have. */
function announcementOf(
  { event, signerId }: DueSignerEvent,
  { progress }: DocumentState,
): DocumentAnnouncement {
  const ids = Object.keys(progress.signers);
  const listed = ids.length > 50 ? [signerId] : ids;
  return {
    ...{ event, documentId: 'd'.repeat(64), occasion: signerId, occurredAt: AT },
    ...{ status: 'created', signers: listed.map((id) => ({ id, status: 'fieldsCompleted' })) },
    ...{ group: 'g'.repeat(255), tag: 't'.repeat(250), reason: 'because '.repeat(60) },
  };
}

/** Everybody signed, and everybody's mail came back. */
function largestState(signers: number): DocumentState {
  const bounces = signerIds(signers).map((signerId) => ({ signerId, at: AT }));
  const followUp = { signerEvents: SIGNER_EVENTS };
  const begun = initialState({ documentId: 'd'.repeat(64), signers: [], followUp });
  const told = withReport(begun, { ...reportOf(signers), bounces }, 0);
  return withStop(told, 'because '.repeat(100_000));
}

/** All standstills that may be owed, of a document that waits for everybody. */
function withStandstills(state: DocumentState): DocumentState {
  const channels = ['log', 'http', 'email', 'slack'] as const;
  const signers = Object.keys(state.progress.signers);
  const since = new Date(AT).toISOString();
  let owing = state;
  for (let each = 0; stallsOwed(owing) < STALLS_OWED_MAX; each += 1) {
    const announcement: DocumentAnnouncement = {
      ...announcementOf({ event: 'signer.signed', signerId: '' }, owing),
      ...{ event: 'document.stalled', occasion: new Date(each).toISOString() },
      signers: signers.map((id) => ({ id, status: 'fieldsCompletedExceptSignature' })),
      reason: signers.map((id) => `signer ${id} since ${since}`).join(' and '),
    };
    owing = withAnnouncement(owing, announcement, channels);
  }
  return owing;
}

/** As many announcements as are owed while every channel refuses them for good. */
function withoutChannels(state: DocumentState): DocumentState {
  const channels = ['log', 'http', 'email', 'slack'] as const;
  let owing = state;
  for (let due = dueSignerEvent(owing); due; due = dueSignerEvent(owing)) {
    owing = withAnnouncement(owing, announcementOf(due, owing), channels);
    for (const channel of channels) {
      const attention = { failureType: 'AnnouncementRefused', message: 'm'.repeat(500) };
      owing = withAttention(
        owing,
        `announce ${due.event}/${due.signerId} by ${channel}`,
        attention,
      );
    }
  }
  return owing;
}

for (const signers of [50, 51, SIGNERS_MAX, SIGNERS_MAX + 20]) {
  test(`what a document with ${signers} signers carries, and answers, fits into a payload`, () => {
    const begun = largestState(signers);
    const ids = Object.keys(begun.progress.signers);
    assert.equal(ids.length, Math.min(signers, SIGNERS_MAX));
    assert.equal(begun.stop?.reason.length, 500);
    const events = ids.flatMap((id) => [`signer.signed/${id}`, `signer.bounced/${id}`]);
    const perTurn = OWED_MAX / 4;
    // At first, and when the channels were back for long enough to take all but the last.
    for (const told of [0, events.length - perTurn]) {
      const state = withoutChannels(
        withStandstills({ ...begun, announced: events.slice(0, told) }),
      );
      assert.equal(state.owed.length, OWED_MAX);
      assert.equal(new Set(state.announced).size, told + perTurn);
      const carried = bytesOf({ documentId: state.documentId, carried: state });
      assert.ok(carried < TEMPORAL_MAX_BYTES * 0.95, `${carried} bytes carried`);
      const answered = bytesOf(viewOf(state));
      assert.ok(answered < TEMPORAL_MAX_BYTES, `${answered} bytes answered`);
    }
  });
}

test('once channels take something, what waited for them is due', () => {
  const full = withoutChannels(largestState(SIGNERS_MAX));
  assert.equal(dueSignerEvent(full), undefined);
  const {
    owed: [, ...owed],
  } = full;
  assert.ok(dueSignerEvent({ ...full, owed }));
});

test('signers that the provider shows beyond the limit are left out of its picture', () => {
  const uuid = randomUUID();
  const signers = signerIds(SIGNERS_MAX + 1).map((uuid) => ({ uuid, status: '10' }));
  const snapshot = documentSnapshot({ uuid, status: '10', signer_objects: signers });
  assert.equal(snapshot?.signers.length, SIGNERS_MAX);
});

test('a result that fits no payload fails for good, in words', async () => {
  const told = (length: number): Activities['lookUpDocument'] => {
    return () =>
      Promise.resolve({ policy: { lingerMs: 0, channels: [] }, text: 'x'.repeat(length) });
  };
  const ask = (length: number): Promise<unknown> =>
    withinPayload({ lookUpDocument: told(length) } as Activities).lookUpDocument({
      ...{ documentId: 'd', awaitFinalPdf: false },
    });
  const around = bytesOf(await ask(0));
  assert.equal(bytesOf(await ask(2_000_000 - around)), 2_000_000);
  await assert.rejects(
    ask(2_000_001 - around),
    (error) =>
      error instanceof ApplicationFailure &&
      error.nonRetryable === true &&
      error.message.includes('lookUpDocument has 2000001 bytes'),
  );
});
