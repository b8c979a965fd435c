/** The ways of a document whose workflow lasts: beyond its outcome, beyond one run. */
import {
  documentWorkflowId,
  statusChangedSignal,
  trackingRequestedSignal,
} from '../../workflows/contract.js';
import { STALLS_OWED_MAX } from '../../workflows/chasing.js';
import { OWED_MAX } from '../../workflows/signer-events.js';
import {
  activitiesIn,
  attended,
  completed,
  finished,
  firstSigner,
  handleOf,
  hasAnnounced,
  tell,
  track,
  type Scenarios,
} from './recording.js';
import type { Stage } from './stage.js';
import { until } from './until.js';

const LINGER = { DOCUMENT_LINGER: '3s' };

/** More than a document that everybody signs has. */
const EVENTS_PER_RUN = 100;

/** Each by the name of its history. */
export const lastingDocuments: Scenarios = {
  'document-lingering': {
    environment: LINGER,
    async run(stage) {
      const id = await track(stage, 1);
      await stage.sandbox.completeDocument(id);
      await stage.countersign.waitForOutcome(id);
      stage.sandbox.advanceSigner(firstSigner(stage, id), { status: 'downloaded' });
      await stage.sandbox.flushCallbacks();
      await stage.countersign.retry(id);
      await stage.countersign.refresh(id);
      await handleOf(stage, id).signal(trackingRequestedSignal, { tag: 'late' });
      await handleOf(stage, id).signal('statusChanged');
      await handleOf(stage, id).signal('trackingRequested');
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-contradicted': {
    environment: LINGER,
    async run(stage) {
      const id = await track(stage, 1);
      await stage.sandbox.completeDocument(id);
      await stage.countersign.waitForOutcome(id);
      stage.sandbox.setDocumentStatus(id, { status: 'removed' });
      await stage.sandbox.flushCallbacks();
      await until(() => hasAnnounced(handleOf(stage, id), 'document.contradicted'));
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-continued-as-new': {
    eventsPerRun: EVENTS_PER_RUN,
    async run(stage) {
      const id = await track(stage, 1, { reminders: ['30d'] });
      const outcome = stage.countersign.waitForOutcome(id);
      await toldUntilItContinues(stage, id);
      await stage.sandbox.completeDocument(id);
      await stage.sandbox.flushCallbacks();
      await outcome;
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-continued-as-new-owing': {
    eventsPerRun: EVENTS_PER_RUN,
    hasReceiver: true,
    async run(stage, receiver) {
      receiver.answers.push(410);
      const id = await track(stage, 1);
      await stage.sandbox.completeDocument(id);
      await stage.sandbox.flushCallbacks();
      await attended(stage, id);
      await toldUntilItContinues(stage, id);
      await stage.countersign.retry(id);
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-owing-standstills': {
    subscribes: false,
    hasReceiver: true,
    environment: { NOTIFY_LOG_EVENTS: 'document.completed' },
    async run(stage, receiver) {
      receiver.answers.push(...Array.from({ length: 100_000 }, () => 503));
      const id = await track(stage, 1, { stalledAfter: '200ms' });
      const signer = { subject: 'signer', id: firstSigner(stage, id) } as const;
      const told = async (): Promise<number> =>
        (await activitiesIn(handleOf(stage, id), 'announce')).scheduled;
      for (let stalls = 1; stalls <= STALLS_OWED_MAX; stalls += 1) {
        await until(async () => (await told()) >= stalls);
        const status = stalls % 2 ? 'visited' : 'emailOpened';
        await tell(stage, id, { ...signer, status }, Date.UTC(2030, 0, 1) + stalls * 1000);
      }
      // The next one waits for those: that is seen once they are taken.
      receiver.answers.length = 0;
      await until(async () => (await told()) > STALLS_OWED_MAX);
      await stage.sandbox.completeDocument(id);
      await stage.countersign.refresh(id);
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-owing-all-it-may': {
    hasReceiver: true,
    environment: { NOTIFY_SIGNER_EVENTS: 'signed', NOTIFY_LOG_EVENTS: 'document.completed' },
    async run(stage, receiver) {
      const id = await track(stage, OWED_MAX + 1);
      await stage.countersign.refresh(id);
      await completed(handleOf(stage, id), 'lookUpDocument');
      receiver.answers.push(...Array.from({ length: 100_000 }, () => 503));
      const at = new Date().toISOString();
      const changes = stage.sandbox.document(id).signers.map((signer, position) => ({
        ...({ subject: 'signer', id: signer.id, status: 'signed' } as const),
        ...{ at, position },
      }));
      await handleOf(stage, id).signal(statusChangedSignal, { source: 'realtime', changes });
      // It owes them for as long as nobody takes them: there is no end to wait for.
      await until(
        async () => (await activitiesIn(handleOf(stage, id), 'announce')).scheduled >= OWED_MAX,
      );
      return documentWorkflowId(id);
    },
  },
};

/** Tells of its first signer, again and again, until another run goes on. */
async function toldUntilItContinues(stage: Stage, documentId: string): Promise<void> {
  const handle = handleOf(stage, documentId);
  const runId = async (): Promise<string> => (await handle.describe()).runId;
  const first = await runId();
  const signer = { subject: 'signer', id: firstSigner(stage, documentId) } as const;
  for (let second = 0; (await runId()) === first; second += 1) {
    const status = second % 2 ? 'visited' : 'emailOpened';
    await tell(stage, documentId, { ...signer, status }, Date.UTC(2030, 0, 1) + second * 1000);
  }
}
