import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import type { ReconciliationReport } from '../workflows/contract.js';
import { json, startStage } from './support/provider-stage.js';
import { reconcile, withSilentStage } from './support/reconciling.js';
import { until } from './support/until.js';

interface Row {
  readonly uuid: string;
  readonly status: string;
}

interface Asked {
  readonly offset: number;
  readonly limit: number;
  /** How often this page was asked for, from 1. */
  readonly times: number;
}

interface Answer {
  readonly status?: number;
  readonly meta?: unknown;
  readonly objects?: readonly Row[];
}

const ENVIRONMENT = {
  RECONCILE_PAGE_SIZE: '20',
  RECONCILE_ADOPT: 'ignore',
  RECONCILE_PATIENCE: '10s',
};

/** Of a run over a listing of so many rows, page by page as `answer` has it. */
async function reportOver(
  rows: number,
  answer: (all: readonly Row[], asked: Asked) => Answer,
  delayMs = 0,
  settings = ENVIRONMENT,
): Promise<ReconciliationReport> {
  const all = Array.from({ length: rows }, () => ({ uuid: randomUUID(), status: '10' }));
  const asked = new Map<number, number>();
  const provider = await startStage((request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://provider');
    const [offset, limit] = ['offset', 'limit'].map((name) => Number(searchParams.get(name)));
    const times = (asked.get(offset ?? 0) ?? 0) + 1;
    asked.set(offset ?? 0, times);
    const { status, ...page } = answer(all, { offset: offset ?? 0, limit: limit ?? 0, times });
    setTimeout(() => {
      json(page, status)(request, response);
    }, delayMs);
  });
  const environment = { ...settings, LEGALESIGN_API_URL: `${provider.origin}/api/v1` };
  let report: ReconciliationReport | undefined;
  try {
    await withSilentStage({ environment }, async (stage) => {
      report = await reconcile(stage);
    });
  } finally {
    await provider.close();
  }
  assert.ok(report);
  return report;
}

/** As the provider documents it, but for some of `meta`. */
function pageOf(all: readonly Row[], { offset, limit }: Asked, meta = {}): Answer {
  const next = offset + limit < all.length ? `?offset=${offset + limit}` : null;
  return {
    meta: { next, total_count: all.length, ...meta },
    objects: all.slice(offset, offset + limit),
  };
}

test('a listing that is refused in its midst, and then altogether, comes to an end', async () => {
  const { isComplete, failedParts } = await reportOver(60, (all, asked) =>
    asked.offset > 16 || asked.times > 1 ? { status: 400 } : pageOf(all, asked),
  );
  assert.equal(isComplete, false);
  assert.ok(failedParts.length <= 4, String(failedParts.length));
  const front = failedParts.find(({ what }) => what.endsWith('its front once more'));
  assert.match(front?.reason ?? '', /answered 400/);
});

test('a page that the provider does not know once is asked for again', async () => {
  const { documents, isComplete, listing } = await reportOver(100, (all, asked) =>
    asked.offset === 16 && asked.times === 1 ? { status: 404 } : pageOf(all, asked),
  );
  assert.deepEqual(
    { documents, isComplete, listing },
    {
      documents: 100,
      isComplete: true,
      listing: 'cache',
    },
  );
});

test('a page that the provider never knows is left out; the rest goes on', async () => {
  const { documents, failedParts } = await reportOver(100, (all, asked) =>
    asked.offset === 16 ? { status: 404 } : pageOf(all, asked),
  );
  assert.equal(documents, 88);
  assert.match(
    failedParts.map(({ what, reason }) => `${what}: ${reason}`).join(),
    /^the listing of outstanding documents, rows from 16: .*404/,
  );
});

test('a listing that counts fewer documents than it has is read to its end', async () => {
  const { documents, isComplete } = await reportOver(150, (all, asked) =>
    pageOf(all, asked, { total_count: 30 }),
  );
  assert.deepEqual({ documents, isComplete }, { documents: 150, isComplete: true });
});

test('a page that does not say whether others follow is not the last one', async () => {
  // So slow that each page has an activity of its own.
  const { documents, isComplete } = await reportOver(
    120,
    (all, asked) => {
      const { meta, objects = [] } = pageOf(all, asked);
      return asked.offset === 32 ? { objects } : { meta, objects };
    },
    300,
  );
  assert.deepEqual({ documents, isComplete }, { documents: 120, isComplete: true });
});

test('a listing that counts documents by the billion ends where it shows no more', async () => {
  const { documents, isComplete, pages } = await reportOver(100, (all, asked) =>
    pageOf(all, asked, { total_count: 1e9 }),
  );
  assert.deepEqual({ documents, isComplete }, { documents: 100, isComplete: true });
  assert.ok(pages < 100, String(pages));
});

for (const total of [undefined, 1e6]) {
  test(`a listing of ${total ?? 'untold'} documents that shows one page again and again is told of`, async () => {
    const { isComplete, failedParts } = await reportOver(100, (all, asked) =>
      pageOf(all, { ...asked, offset: 0 }, { total_count: total }),
    );
    assert.equal(isComplete, false);
    assert.match(failedParts.map(({ reason }) => reason).join(), /the same rows again and again/);
  });
}

test('a rejection that the last run was not shown yet is announced by the next one', async () => {
  const uuid = randomUUID();
  let objects: readonly object[] = [];
  const provider = await startStage((request, response) => {
    const isListing = request.url?.includes('/document/?') === true;
    const listing = { meta: { next: null, total_count: objects.length }, objects };
    json(isListing ? listing : objects[0])(request, response);
  });
  const environment = { LEGALESIGN_API_URL: `${provider.origin}/api/v1` };
  await withSilentStage({ environment }, async (stage) => {
    const ended = `WorkflowType = 'reconciliation' AND ExecutionStatus = 'Completed'`;
    const { providerStartedAt = '' } = await reconcile(stage);
    await until(async () => (await stage.client.workflow.count(ended)).count === 1);
    const modified = new Date(Date.parse(providerStartedAt) - 60_000).toISOString();
    objects = [{ uuid, status: 50, modified, signer_objects: [] }];
    const { counts } = await reconcile(stage);
    assert.deepEqual([counts.adopted, counts.longOver], [1, 0]);
    assert.equal((await stage.countersign.waitForOutcome(uuid)).kind, 'rejected');
  });
  await provider.close();
});

test('a document that is shown twice counts once, whatever is found about it', async () => {
  const uuid = randomUUID();
  const environment = { ...ENVIRONMENT, RECONCILE_ADOPT: 'adopt' };
  const report = await reportOver(
    60,
    (all, asked) => pageOf([{ uuid, status: '50' }, ...all.slice(1)], asked),
    0,
    environment,
  );
  assert.deepEqual([report.documents, report.counts.longOver], [60, 1]);
});

test('a row that cannot be read counts once, though its page is read again', async () => {
  const report = await reportOver(60, (all, asked) =>
    pageOf([{ uuid: 'x y', status: '10' }, ...all.slice(1)], asked),
  );
  assert.deepEqual([report.documents, report.unreadable], [59, 1]);
});

test('a page of fewer rows than the others hides none', async () => {
  const { documents, isComplete } = await reportOver(100, (all, asked) => {
    const { meta, objects = [] } = pageOf(all, asked);
    return { meta, objects: asked.offset === 32 ? objects.slice(0, 3) : objects };
  });
  assert.deepEqual({ documents, isComplete }, { documents: 100, isComplete: true });
});

test('a page that is empty once, in the middle, hides no document', async () => {
  const { documents, isComplete } = await reportOver(
    100,
    (all, asked) => {
      const { meta, objects = [] } = pageOf(all, asked);
      return { meta, objects: asked.offset === 32 && asked.times === 1 ? [] : objects };
    },
    300,
  );
  assert.deepEqual({ documents, isComplete }, { documents: 100, isComplete: true });
});

test('a page that is always empty, in the middle, is told of', async () => {
  const { isComplete } = await reportOver(
    100,
    (all, asked) => {
      const { meta, objects = [] } = pageOf(all, asked);
      return { meta, objects: asked.offset === 32 ? [] : objects };
    },
    300,
  );
  assert.equal(isComplete, false);
});

test('a listing of thousands that counts few counts them all', async () => {
  const { documents, isComplete } = await reportOver(10_000, (all, asked) =>
    pageOf(all, { ...asked, limit: 500 }, { total_count: 0 }),
  );
  assert.equal(isComplete, true);
  // Now and then one is taken for shown before: what remembers them is a filter.
  assert.ok(documents > 9_990, String(documents));
});

test('by groups, too: what changed in the very second that a run is to begin with is looked at', async () => {
  const modified = '2026-01-31 12:00:05';
  const objects = [{ uuid: randomUUID(), status: '10', modified, group: 'sales' }];
  const provider = await startStage((request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://provider');
    // As its name says: later, not as late.
    const after = (searchParams.get('modified_gt') ?? '').replace('T', ' ');
    const shown = modified > after ? objects : [];
    json({ meta: { next: null, total_count: shown.length }, objects: shown })(request, response);
  });
  const environment = {
    ...ENVIRONMENT,
    RECONCILE_LISTING: 'groups',
    RECONCILE_GROUPS: 'sales',
    LEGALESIGN_API_URL: `${provider.origin}/api/v1`,
  };
  await withSilentStage({ environment }, async (stage) => {
    const of = async (since: string) => (await reconcile(stage, { since })).documents;
    assert.equal(await of('2026-01-31T12:00:05Z'), 1);
    assert.equal(await of('2026-01-31T12:00:06Z'), 0);
  });
  await provider.close();
});
