import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createArchiveFiles } from '../activities/archive-files.js';
import { createFileArchive } from '../activities/archive/file-archive.js';
import { createLookUpDocument, finalPdfDelayMs } from '../activities/look-up-document.js';
import { createProviderClient } from '../provider/provider-client.js';
import type { ArchiveReceipt, LookUpDocumentResult, OutcomePolicy } from '../workflows/contract.js';
import { freshId, json, routes, startStage } from './support/provider-stage.js';
import { signedDocument } from './support/signed-document.js';

const policy: OutcomePolicy = { lingerMs: 1_000, channels: ['log'] };
const hash = 'ab'.repeat(32);

interface Scene {
  readonly lookUp: (
    documentId: string,
    awaitFinalPdf?: boolean,
    attempt?: number,
  ) => Promise<LookUpDocumentResult>;
  readonly archive: (documentId: string, providerHash: string) => Promise<unknown>;
}

async function scene(t: TestContext, listener: RequestListener): Promise<Scene> {
  const root = await mkdtemp(join(tmpdir(), 'countersign-look-up-'));
  const stage = await startStage(listener);
  const apiUrl = `${stage.origin}/api/v1`;
  const provider = createProviderClient({ apiUrl, apiKey: 'a:b', timeoutMs: 5_000 });
  const archive = createFileArchive(root);
  t.after(async () => {
    provider.close();
    await stage.close();
    await rm(root, { recursive: true });
  });
  const lookUpDocument = createLookUpDocument({ provider, archive, policy });
  const archiveDocument = createArchiveFiles({ provider, archive });
  return {
    lookUp: (documentId, awaitFinalPdf = false, attempt = 1) =>
      new MockActivityEnvironment({ attempt }).run(lookUpDocument, { documentId, awaitFinalPdf }),
    archive: (documentId, providerHash) =>
      new MockActivityEnvironment().run(archiveDocument, {
        documentId,
        providerHash,
        changes: [],
        workflow: { workflowId: 'w', firstExecutionRunId: 'r' },
      }),
  };
}

function documentRoute(documentId: string, fields: object): Record<string, RequestListener> {
  return { [`GET /api/v1/document/${documentId}/`]: json({ uuid: documentId, ...fields }) };
}

function isNotFinalYet(delayMs: number): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ApplicationFailure, String(error));
    assert.equal(error.type, 'NotFinalYet');
    assert.equal(error.nonRetryable, false);
    assert.equal(error.nextRetryDelay, delayMs);
    return true;
  };
}

test('A document is shown with the reasons of rejecting signers, where there are any', async (t) => {
  const [documentId, told, silent, other] = [freshId(), freshId(), freshId(), freshId()];
  const asked: string[] = [];
  const table = routes({
    ...documentRoute(documentId, {
      status: 50,
      signer_objects: [
        { uuid: told, status: 60 },
        { uuid: silent, status: 60 },
        { uuid: other, status: 40 },
      ],
    }),
    [`GET /api/v1/signer/${told}/rejection/`]: json({ status: 60, reason: 'Wrong price' }),
  });
  const { lookUp } = await scene(t, (request, response) => {
    asked.push(request.url ?? '');
    table(request, response);
  });
  const { snapshot, receipt, policy: told_ } = await lookUp(documentId);
  assert.deepEqual(snapshot?.signers, [
    { id: told, status: 'rejected', rejectionReason: 'Wrong price' },
    { id: silent, status: 'rejected' },
    { id: other, status: 'signed' },
  ]);
  assert.equal(receipt, undefined);
  assert.deepEqual(told_, policy);
  assert.equal(asked.filter((url) => url.includes(other)).length, 0);
});

test('A reason that cannot be had for now is asked for again; a refused one is done without', async (t) => {
  const [documentId, signerId] = [freshId(), freshId()];
  for (const [status, works] of [
    [500, false],
    [400, true],
  ] as const) {
    const { lookUp } = await scene(
      t,
      routes({
        ...documentRoute(documentId, {
          status: 50,
          signer_objects: [{ uuid: signerId, status: 60 }],
        }),
        [`GET /api/v1/signer/${signerId}/rejection/`]: json({}, status),
      }),
    );
    if (works) assert.equal((await lookUp(documentId)).snapshot?.status, 'rejected');
    else await assert.rejects(lookUp(documentId), { type: 'Unavailable' });
  }
});

test('A document that the provider does not know has no snapshot; awaited, not before some minutes', async (t) => {
  const { lookUp } = await scene(t, routes({}));
  assert.deepEqual(await lookUp(freshId()), { policy });
  await assert.rejects(lookUp(freshId(), true, 1), isNotFinalYet(5_000));
  await assert.rejects(lookUp(freshId(), true, 7), isNotFinalYet(320_000));
  assert.deepEqual(await lookUp(freshId(), true, 8), { policy });
});

for (const [what, fields, awaited] of [
  ['not final', { status: 30, download_final: false }, true],
  ['final without a hash', { status: 30, download_final: true, hash_value: null }, true],
  ['final', { status: 30, download_final: true, hash_value: hash }, false],
  ['removed', { status: 40 }, false],
  ['rejected', { status: 50 }, false],
] as const) {
  test(`A document that is ${what} is ${awaited ? '' : 'not '}awaited`, async (t) => {
    const documentId = freshId();
    const { lookUp } = await scene(t, routes(documentRoute(documentId, fields)));
    assert.ok((await lookUp(documentId)).snapshot);
    if (awaited) await assert.rejects(lookUp(documentId, true, 3), isNotFinalYet(20_000));
    else assert.ok((await lookUp(documentId, true)).snapshot);
  });
}

test('The wait for the final PDF doubles from 5 seconds to 15 minutes', () => {
  assert.deepEqual([1, 2, 3].map(finalPdfDelayMs), [5_000, 10_000, 20_000]);
  assert.equal(finalPdfDelayMs(9), 900_000);
  assert.equal(finalPdfDelayMs(5_000), 900_000);
});

test('An archived document is shown with its receipt, and not awaited any more', async (t) => {
  const document = signedDocument();
  const { documentId } = document;
  const shown = routes(documentRoute(documentId, { status: 30 }));
  const { lookUp, archive } = await scene(t, (request, response) => {
    if (request.url === `/api/v1/document/${documentId}/`) shown(request, response);
    else document.listener(request, response);
  });
  const { changes: _known, ...receipt } = (await archive(
    documentId,
    document.hash,
  )) as ArchiveReceipt;
  assert.deepEqual((await lookUp(documentId, true)).receipt, receipt);
});

test('An ID that is none is never asked for', async (t) => {
  const { lookUp } = await scene(t, () => assert.fail('asked'));
  await assert.rejects(lookUp('a/../b'), { type: 'InvalidId', nonRetryable: true });
});
