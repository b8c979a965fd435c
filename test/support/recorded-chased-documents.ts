/** The ways of a document that is chased, or whose signers are announced. */
import { randomUUID } from 'node:crypto';
import { documentWorkflowId, WORKFLOW_TYPES } from '../../workflows/contract.js';
import { documentStart } from '../../workflows/document-start.js';
import {
  attemptedAgain,
  completed,
  finished,
  firstSigner,
  handleOf,
  hasAnnounced,
  tell,
  track,
  type Scenarios,
} from './recording.js';
import { until } from './until.js';

const BY_DAY_AND_NIGHT = { DOCUMENT_REMINDER_HOURS: '00:00-24:00' };

/** Each by the name of its history. */
export const chasedDocuments: Scenarios = {
  'document-reminded-and-stalled': {
    environment: BY_DAY_AND_NIGHT,
    async run(stage) {
      const id = await track(stage, 1, { reminders: ['200ms', '400ms'], stalledAfter: '800ms' });
      await stage.sandbox.flushCallbacks();
      await until(() => hasAnnounced(handleOf(stage, id), 'document.stalled'));
      await stage.sandbox.completeDocument(id, { visit: true });
      await stage.sandbox.flushCallbacks();
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-reminded-after-the-night': {
    // Not now, whenever it is recorded.
    environment: { DOCUMENT_REMINDER_HOURS: `${hourIn(2)}:00-${hourIn(3)}:00` },
    async run(stage) {
      const id = await track(stage, 2);
      // Nobody is reminded before it is told that they were invited.
      await stage.sandbox.flushCallbacks();
      await stage.countersign.changeTerms(id, { reminders: ['1ms'], stalledAfter: '30d' });
      await completed(handleOf(stage, id), 'remindSigners');
      await stage.countersign.changeTerms(id, { reminders: [], deadline: '2099-12-31T12:00:00Z' });
      await stage.sandbox.completeDocument(id);
      await stage.sandbox.flushCallbacks();
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-reminded-twice': {
    subscribes: false,
    environment: BY_DAY_AND_NIGHT,
    async run(stage) {
      const { id } = stage.sandbox.createDocument();
      await stage.countersign.trackDocument(id, { reminders: ['1ms', '2s'] });
      await until(() => stage.sandbox.signer(firstSigner(stage, id)).reminders.length === 2);
      await stage.sandbox.completeDocument(id);
      await stage.countersign.refresh(id);
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-whose-turn-comes-again': {
    subscribes: false,
    environment: BY_DAY_AND_NIGHT,
    async run(stage) {
      const id = await track(stage, 1);
      const signer = { subject: 'signer', id: firstSigner(stage, id) } as const;
      const atMs = Date.now();
      await tell(stage, id, { ...signer, status: 'sent' }, atMs);
      await tell(stage, id, { ...signer, status: 'unknown-99' }, atMs + 1000);
      await stage.countersign.changeTerms(id, { reminders: ['1s'] });
      await tell(stage, id, { ...signer, status: 'visited' }, atMs + 2000);
      await completed(handleOf(stage, id), 'remindSigners');
      await stage.sandbox.completeDocument(id);
      await stage.countersign.refresh(id);
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-overtakes-its-reminder': {
    subscribes: false,
    environment: BY_DAY_AND_NIGHT,
    async run(stage) {
      const id = await track(stage, 1);
      const handle = handleOf(stage, id);
      await stage.countersign.refresh(id);
      await completed(handle, 'lookUpDocument');
      stage.sandbox.changeFaults({ failApi: 1 });
      await stage.countersign.changeTerms(id, { reminders: ['1ms'] });
      await attemptedAgain(handle, 'remindSigners');
      await stage.sandbox.completeDocument(id);
      await tell(stage, id, { subject: 'document', id, status: 'finalised' });
      await attemptedAgain(handle, 'archiveDocument');
      stage.sandbox.replaceFaults();
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-stalled': {
    subscribes: false,
    async run(stage) {
      const id = await track(stage, 1, { stalledAfter: '300ms' });
      await until(() => hasAnnounced(handleOf(stage, id), 'document.stalled'));
      await stage.sandbox.completeDocument(id);
      await stage.countersign.refresh(id);
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-stalled-after-an-absence': {
    subscribes: false,
    hasReceiver: true,
    async run(stage) {
      const id = await track(stage, 1, { stalledAfter: '300ms' });
      const signers = [{ id: firstSigner(stage, id), status: 'sent' }] as const;
      await stage.sandbox.deleteDocument(id);
      await completed(handleOf(stage, id), 'lookUpDocument');
      await stage.countersign.trackDocument(id, { signers });
      await until(() => hasAnnounced(handleOf(stage, id), 'document.stalled'));
      await stage.countersign.stop(id, 'the provider does not show it');
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-followed-up-after-an-absence': {
    subscribes: false,
    environment: { NOTIFY_SIGNER_EVENTS: 'signed' },
    async run(stage) {
      const id = randomUUID();
      const signer = { subject: 'signer', id: randomUUID() } as const;
      // Begun by a callback: no starter tells it how documents are followed up.
      const { taskQueue } = stage;
      const start = { ...documentStart({ documentId: id }), taskQueue };
      await stage.client.workflow.start(WORKFLOW_TYPES.documentSigning, start);
      await completed(handleOf(stage, id), 'lookUpDocument');
      await stage.countersign.trackDocument(id, { signers: [{ id: signer.id, status: 'sent' }] });
      await tell(stage, id, { ...signer, status: 'signed' });
      await until(() => hasAnnounced(handleOf(stage, id), 'signer.signed'));
      await stage.countersign.stop(id, 'the provider does not show it');
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-with-signers-announced': {
    environment: { NOTIFY_SIGNER_EVENTS: 'signed,bounced' },
    async run(stage) {
      const id = await track(stage, 2);
      stage.sandbox.bounceSigner(firstSigner(stage, id));
      await stage.sandbox.completeDocument(id);
      await stage.sandbox.flushCallbacks();
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-with-a-signer-announced-before-asked': {
    subscribes: false,
    environment: { NOTIFY_SIGNER_EVENTS: 'signed' },
    async run(stage) {
      const id = await track(stage, 2);
      const signer = { subject: 'signer', id: firstSigner(stage, id) } as const;
      stage.sandbox.advanceSigner(signer.id, { status: 'signed' });
      await tell(stage, id, { ...signer, status: 'signed' });
      await until(() => hasAnnounced(handleOf(stage, id), 'signer.signed'));
      await stage.sandbox.completeDocument(id);
      await stage.countersign.refresh(id);
      return finished(stage, documentWorkflowId(id));
    },
  },
};

function hourIn(hours: number): string {
  return String((new Date().getUTCHours() + hours) % 24).padStart(2, '0');
}
