import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { documentRequestOf } from '../sandbox/control-requests.js';
import { newDocument } from '../sandbox/document-request.js';
import { Finalisation } from '../sandbox/finalisation.js';
import type { PdfStore } from '../sandbox/pdf-store.js';
import type { DocumentRecord } from '../sandbox/records.js';
import { startCallbackReceiver, startTestSandbox } from './support/sandbox-stage.js';

const A_MINUTE_MS = 60_000;
/** Soon, compared with the minute that is not to be waited for. */
const SOON = { timeout: 10_000 };

test(
  'a signed document that is deleted, removed or begun anew is waited for no more',
  SOON,
  async (t) => {
    const sandbox = await startTestSandbox(t, { finalPdfDelayMs: A_MINUTE_MS });
    const signed = (): string => {
      const { id, signers } = sandbox.createDocument();
      sandbox.advanceSigner(signers[0] ?? '', { status: 'signed' });
      return id;
    };
    await sandbox.deleteDocument(signed());
    sandbox.setDocumentStatus(signed(), { status: 'removed' });
    sandbox.setDocumentStatus(signed(), { status: 'created' });
    await sandbox.idle();
  },
);

test('a document signed anew gets its final PDF, once', async (t) => {
  const receiver = await startCallbackReceiver(t);
  const sandbox = await startTestSandbox(t, { finalPdfDelayMs: 1 });
  sandbox.subscribe({ url: receiver.url, notify: 'signed' });
  const { id } = sandbox.createDocument();
  for (const status of ['signed', 'created', 'signed', 'signed']) {
    sandbox.setDocumentStatus(id, { status });
  }
  await sandbox.idle();
  assert.match(sandbox.document(id).hash ?? '', /^[0-9a-f]{64}$/);
  assert.equal(receiver.received.length, 1);
});

interface Scene {
  readonly finalisation: Finalisation;
  readonly document: DocumentRecord;
  readonly stored: Set<string>;
  readonly made: string[];
  readonly logged: string[];
  isSigned: boolean;
}

/** A document beside its finalisation, whose store tells what it holds. */
function createScene(
  delayMs: number,
  whenWritten: (scene: Scene) => void = () => undefined,
): Scene {
  const document = newDocument(documentRequestOf({}), 0);
  const stored = new Set<string>();
  const store: PdfStore = {
    write: (written) => {
      stored.add(written);
      whenWritten(scene);
      return Promise.resolve();
    },
    read: () => Promise.reject(new Error('not read here')),
    delete: (deleted) => {
      stored.delete(deleted);
      return Promise.resolve();
    },
  };
  const logged: string[] = [];
  const logger = pino({}, { write: (line: string) => void logged.push(line) });
  const made: string[] = [];
  const hooks = {
    isSigned: () => scene.isSigned,
    made: (_document: DocumentRecord, hash: string) => void made.push(hash),
  };
  const finalisation = new Finalisation(store, delayMs, hooks, logger);
  const scene: Scene = { finalisation, document, stored, made, logged, isSigned: true };
  return scene;
}

test('a PDF that nobody wants any more once it is written is thrown away', async () => {
  const scene = createScene(0, (each) => {
    each.isSigned = false;
  });
  await scene.finalisation.run(scene.document);
  assert.deepEqual([scene.stored.size, scene.made.length], [0, 0]);
});

test('a timer that finds its document not signed any more says and makes nothing', async (t) => {
  const scene = createScene(A_MINUTE_MS);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  scene.finalisation.schedule(scene.document);
  scene.isSigned = false;
  t.mock.timers.tick(A_MINUTE_MS);
  assert.equal(scene.finalisation.underWay, 0);
  await scene.finalisation.close();
  assert.deepEqual([scene.made, scene.logged], [[], []]);
});

test('scheduling anew begins the wait anew', async (t) => {
  const scene = createScene(100);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  scene.finalisation.schedule(scene.document);
  t.mock.timers.tick(60);
  scene.finalisation.schedule(scene.document);
  t.mock.timers.tick(60);
  // The first timer would have made it by now.
  await scene.finalisation.close();
  assert.deepEqual([scene.made.length, scene.stored.size], [0, 0]);
});
