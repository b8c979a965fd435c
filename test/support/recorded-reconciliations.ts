/** The ways of a reconciliation, and of the watch over it. */
import type { SimpleDocument } from '../../sandbox/control-requests.js';
import { ensureWatch } from '../../worker/schedule.js';
import {
  RECONCILIATION_WATCH_WORKFLOW_ID,
  type ReconciliationInput,
  type ReconciliationReport,
} from '../../workflows/contract.js';
import { setAside } from './recorded-deliveries.js';
import { pagesOf, reconcile, startReconciliation } from './reconciling.js';
import {
  completed,
  broken,
  finished,
  firstSigner,
  hasAnnounced,
  hasTimer,
  settled,
  track,
  type Scenarios,
} from './recording.js';
import type { Stage } from './stage.js';
import { until } from './until.js';

const SMALL_PAGES = { RECONCILE_PAGE_SIZE: '20' };
/** Nothing but the listing is worth recording of its documents. */
const LISTED_ALONE = { ...SMALL_PAGES, RECONCILE_ADOPT: 'ignore' };
const IMPATIENT = { RECONCILE_PATIENCE: '3s' };

/** Each by the name of its history. */
export const reconciliations: Scenarios = {
  'reconciliation-in-step': {
    async run(stage) {
      await track(stage, 2);
      await settled(stage);
      return (await stage.countersign.reconcile()).workflowId;
    },
  },
  'reconciliation-with-repairs': {
    async run(stage) {
      const known = await track(stage, 2);
      await settled(stage);
      stage.sandbox.muteDocument(known);
      stage.sandbox.advanceSigner(firstSigner(stage, known), { status: 'visited' });
      const unlisted = await track(stage, 1);
      await settled(stage);
      stage.sandbox.muteDocument(unlisted);
      await stage.sandbox.completeDocument(unlisted);
      stage.sandbox.createDocument({ signers: 1, muted: 1 });
      return (await stage.countersign.reconcile()).workflowId;
    },
  },
  'reconciliation-continued-as-new': {
    subscribes: false,
    environment: LISTED_ALONE,
    eventsPerRun: 80,
    async run(stage) {
      create(stage, 400);
      return reconciled(stage);
    },
  },
  'reconciliation-of-unlisted-continued-as-new': {
    subscribes: false,
    // As many as there are once the provider was asked for the one that no listing shows.
    eventsPerRun: 24,
    async run(stage) {
      const [unlisted] = create(stage, 2);
      await reconcile(stage);
      await stage.sandbox.completeDocument(unlisted ?? '');
      return reconciled(stage);
    },
  },
  'reconciliation-page-lost': {
    subscribes: false,
    environment: { ...LISTED_ALONE, ...IMPATIENT },
    async run(stage) {
      create(stage, 70);
      stage.sandbox.changeFaults({ failPages: [16] });
      return reconciled(stage);
    },
  },
  'reconciliation-listing-lost': {
    subscribes: false,
    environment: { ...LISTED_ALONE, ...IMPATIENT },
    async run(stage) {
      create(stage, 2);
      stage.sandbox.changeFaults({ failPages: [0] });
      return reconciled(stage);
    },
  },
  'reconciliation-front-lost': {
    subscribes: false,
    environment: { ...LISTED_ALONE, ...IMPATIENT },
    run: (stage) => runWithFaultsFrom(stage, { documents: 30, pages: 1 }, { failPages: [0] }),
  },
  'reconciliation-front-refused': {
    subscribes: false,
    environment: { ...LISTED_ALONE, ...IMPATIENT },
    run: (stage) => runWithFaultsFrom(stage, { documents: 100, pages: 2 }, { listings: 'groups' }),
  },
  'reconciliation-of-a-moving-list': {
    subscribes: false,
    environment: LISTED_ALONE,
    run: runOnMovingList,
  },
  'reconciliation-of-a-moving-list-both-ways': {
    subscribes: false,
    environment: LISTED_ALONE,
    async run(stage) {
      create(stage, 40, { tag: 'stay' });
      create(stage, 30, { tag: 'churn' });
      stage.sandbox.changeFaults({ churnArchive: 12 });
      return reconciled(stage);
    },
  },
  'reconciliation-of-a-moving-list-with-short-pages': {
    subscribes: false,
    environment: LISTED_ALONE,
    run: runOnMovingList,
  },
  'reconciliation-of-pages-together': {
    subscribes: false,
    environment: LISTED_ALONE,
    async run(stage) {
      create(stage, 100);
      // How many share an activity follows from how quick the one before was.
      return until(async () => {
        const workflowId = await reconciled(stage);
        const { offsets } = await pagesOf(stage, workflowId);
        const { pages } = await reportOf(stage, workflowId);
        return offsets.length < pages && workflowId;
      });
    },
  },
  'reconciliation-of-longer-pages': {
    subscribes: false,
    environment: LISTED_ALONE,
    async run(stage) {
      create(stage, 100);
      stage.sandbox.changeFaults({ pageRows: 40 });
      return reconciled(stage);
    },
  },
  'reconciliation-of-a-list-that-counts-too-few': {
    subscribes: false,
    environment: LISTED_ALONE,
    async run(stage) {
      create(stage, 60);
      stage.sandbox.changeFaults({ listingTotal: 30 });
      return reconciled(stage);
    },
  },
  'reconciliation-of-a-large-group-behind-a-small-one': {
    subscribes: false,
    environment: {
      RECONCILE_ADOPT: 'ignore',
      RECONCILE_LISTING: 'groups',
      RECONCILE_GROUPS: 'small,large',
    },
    async run(stage) {
      create(stage, 1, { group: 'small' });
      // What was shown has room for a thousand in any case.
      create(stage, 1_200, { group: 'large' });
      return reconciled(stage);
    },
  },
  'reconciliation-past-a-lost-first-page': {
    subscribes: false,
    environment: { ...LISTED_ALONE, ...IMPATIENT },
    async run(stage) {
      create(stage, 40);
      stage.sandbox.changeFaults({ failPages: [0] });
      return reconciled(stage);
    },
  },
  'reconciliation-of-a-growing-list': {
    subscribes: false,
    environment: LISTED_ALONE,
    async run(stage) {
      create(stage, 60);
      stage.sandbox.changeFaults({ churnCreate: 3 });
      return reconciled(stage);
    },
  },
  'reconciliation-by-groups': {
    subscribes: false,
    environment: { RECONCILE_GROUPS: 'sandbox,sales' },
    async run(stage) {
      create(stage, 2);
      create(stage, 1, { group: 'sales' });
      stage.sandbox.changeFaults({ listings: 'groups' });
      await reconcile(stage);
      return reconciled(stage);
    },
  },
  'reconciliation-by-groups-for-the-first-time': {
    subscribes: false,
    environment: { RECONCILE_LISTING: 'groups', RECONCILE_GROUPS: 'sandbox' },
    async run(stage) {
      create(stage, 1);
      return reconciled(stage);
    },
  },
  'reconciliation-without-a-listing': {
    subscribes: false,
    async run(stage) {
      create(stage, 1);
      stage.sandbox.changeFaults({ listings: 'groups' });
      return reconciled(stage);
    },
  },
  'reconciliation-listing-refused': {
    subscribes: false,
    environment: { RECONCILE_LISTING: 'cache' },
    async run(stage) {
      create(stage, 1);
      stage.sandbox.changeFaults({ listings: 'groups' });
      return reconciled(stage);
    },
  },
  'reconciliation-of-one-document': {
    subscribes: false,
    async run(stage) {
      const [documentId = ''] = create(stage, 1);
      return reconciled(stage, { documentId });
    },
  },
  'reconciliation-of-a-group-since': {
    subscribes: false,
    environment: { RECONCILE_LISTING: 'groups' },
    async run(stage) {
      create(stage, 1, { group: 'sales' });
      return reconciled(stage, { group: 'sales', since: new Date(0).toISOString() });
    },
  },
  'reconciliation-with-entries-set-aside': {
    subscribes: false,
    environment: { CALLBACK_RETRY_PAUSES: '1ms' },
    async run(stage) {
      await setAside(stage);
      stage.sandbox.replaceFaults();
      const query = 'EntriesSetAside > 0';
      await until(async () => (await stage.client.workflow.count(query)).count > 0);
      return reconciled(stage);
    },
  },
  'reconciliation-with-hundreds-set-aside': {
    subscribes: false,
    environment: { CALLBACK_RETRY_PAUSES: '1ms' },
    async run(stage) {
      stage.sandbox.changeFaults({ failApi: 1 });
      for (let count = 0; count < 101; count += 1) await setAside(stage);
      stage.sandbox.replaceFaults();
      const query = 'EntriesSetAside > 0';
      await until(async () => (await stage.client.workflow.count(query)).count > 100);
      return reconciled(stage);
    },
  },
  'reconciliation-alarming': {
    subscribes: false,
    hasReceiver: true,
    environment: {
      ...LISTED_ALONE,
      RECONCILE_ADOPT: 'adopt',
      RECONCILE_ALARM_CHANGES: '0',
      WEBHOOK_PUBLIC_URL: 'http://127.0.0.1:9',
    },
    async run(stage, receiver) {
      receiver.answers.push(410);
      create(stage, 2);
      return reconciled(stage);
    },
  },
  'reconciliation-invalid': {
    async run(stage) {
      const { workflowId, report } = await startReconciliation(stage, { since: 'yesterday' });
      await report.catch(() => undefined);
      return broken(stage, workflowId);
    },
  },
  'reconciliation-cancelled': {
    subscribes: false,
    async run(stage) {
      create(stage, 1);
      stage.sandbox.changeFaults({ slowListingMs: 60_000 });
      const { workflowId, report } = await startReconciliation(stage);
      const handle = stage.client.workflow.getHandle(workflowId);
      await completed(handle, 'prepareReconciliation');
      await handle.cancel();
      await report.catch(() => undefined);
      return broken(stage, workflowId);
    },
  },
  'reconciliation-watch': {
    environment: { RECONCILE_MAX_AGE: '1s' },
    async run(stage) {
      await ensureWatch(stage.client, stage.taskQueue);
      const handle = stage.client.workflow.getHandle(RECONCILIATION_WATCH_WORKFLOW_ID);
      await until(() => hasAnnounced(handle, 'reconciliation.overdue'));
      // It looks again in six hours, and goes on so for ever.
      await until(() => hasTimer(handle));
      return RECONCILIATION_WATCH_WORKFLOW_ID;
    },
  },
  'reconciliation-watch-refused': {
    hasReceiver: true,
    environment: { RECONCILE_MAX_AGE: '1s' },
    async run(stage, receiver) {
      receiver.answers.push(410);
      await ensureWatch(stage.client, stage.taskQueue);
      const handle = stage.client.workflow.getHandle(RECONCILIATION_WATCH_WORKFLOW_ID);
      await until(() => hasAnnounced(handle, 'reconciliation.overdue'));
      await until(() => hasTimer(handle));
      return RECONCILIATION_WATCH_WORKFLOW_ID;
    },
  },
};

/** Once so many pages were answered, the rest of the listing and its front have these faults. */
async function runWithFaultsFrom(
  stage: Stage,
  { documents, pages }: { readonly documents: number; readonly pages: number },
  faults: Parameters<Stage['sandbox']['changeFaults']>[0],
): Promise<string> {
  create(stage, documents);
  stage.sandbox.changeFaults({ slowListingMs: 500 });
  const { workflowId } = await startReconciliation(stage);
  await until(async () => (await pagesOf(stage, workflowId)).answered >= pages);
  stage.sandbox.changeFaults(faults);
  return finished(stage, workflowId);
}

/** More rows go away with every page than neighbouring pages share. */
function runOnMovingList(stage: Stage): Promise<string> {
  create(stage, 60, { tag: 'stay' });
  create(stage, 60, { tag: 'churn' });
  stage.sandbox.changeFaults({ churnArchive: 12 });
  return reconciled(stage);
}

function create({ sandbox }: Stage, count: number, document: SimpleDocument = {}): string[] {
  return sandbox.createDocuments(count, { signers: 1, ...document }).map(({ id }) => id);
}

function reportOf({ client }: Stage, workflowId: string): Promise<ReconciliationReport> {
  return client.workflow.getHandle(workflowId).result() as Promise<ReconciliationReport>;
}

/** A whole run. @returns its Workflow ID */
async function reconciled(stage: Stage, input: ReconciliationInput = {}): Promise<string> {
  const { workflowId } = await startReconciliation(stage, input);
  return finished(stage, workflowId);
}
