/** The ways of a document from its beginning to its outcome, where nothing fails. */
import { randomUUID } from 'node:crypto';
import { WorkflowIdReusePolicy } from '@temporalio/common';
import {
  documentWorkflowId,
  trackingRequestedSignal,
  WORKFLOW_TYPES,
} from '../../workflows/contract.js';
import { documentStart } from '../../workflows/document-start.js';
import { reconcile } from './reconciling.js';
import {
  broken,
  completed,
  finished,
  firstSigner,
  handleOf,
  hasTimer,
  settled,
  tell,
  track,
  type Scenarios,
} from './recording.js';
import { until } from './until.js';

/** Each by the name of its history. */
export const documents: Scenarios = {
  'document-completed': {
    async run(stage) {
      const id = await track(stage, 3);
      await stage.sandbox.completeDocument(id, { visit: true });
      await stage.sandbox.flushCallbacks();
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-rejected': {
    async run(stage) {
      const id = await track(stage, 2);
      const reason = 'Too dear.';
      stage.sandbox.advanceSigner(firstSigner(stage, id), { status: 'rejected', reason });
      await stage.sandbox.flushCallbacks();
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-rejected-by-one-signer': {
    subscribes: false,
    async run(stage) {
      const id = await track(stage, 2);
      const signer = { subject: 'signer', id: firstSigner(stage, id) } as const;
      await tell(stage, id, { ...signer, status: 'rejected' });
      await completed(handleOf(stage, id), 'lookUpDocument');
      stage.sandbox.advanceSigner(signer.id, { status: 'rejected', reason: 'Too dear.' });
      await stage.countersign.refresh(id);
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-not-rejected-after-all': {
    subscribes: false,
    async run(stage) {
      const id = await track(stage, 1);
      const atMs = stage.sandbox.document(id).modified - 60_000;
      await tell(stage, id, { subject: 'document', id, status: 'rejected' }, atMs);
      await completed(handleOf(stage, id), 'lookUpDocument');
      await stage.sandbox.completeDocument(id);
      await stage.countersign.refresh(id);
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-removed': {
    async run(stage) {
      const id = await track(stage, 1);
      stage.sandbox.removeDocument(id);
      await stage.sandbox.flushCallbacks();
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-gone': {
    // Takes the six minutes after which the provider is asked once more.
    async run(stage) {
      const id = await track(stage, 1);
      await settled(stage);
      await stage.sandbox.deleteDocument(id);
      await stage.countersign.refresh(id);
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-gone-after-everybody-signed': {
    subscribes: false,
    sandbox: { finalPdfDelayMs: 3_600_000 },
    async run(stage) {
      const id = await track(stage, 1);
      await tell(stage, id, { subject: 'document', id, status: 'signed' });
      await stage.sandbox.deleteDocument(id);
      await stage.countersign.refresh(id);
      await completed(handleOf(stage, id), 'lookUpDocument');
      await stage.countersign.stop(id, 'removed at the provider');
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-unknown-then-known': {
    async run(stage) {
      const id = randomUUID();
      await stage.countersign.trackDocument(id);
      await until(() => hasTimer(handleOf(stage, id)));
      const signers = [{ id: randomUUID(), status: 'sent' }] as const;
      await handleOf(stage, id).signal(trackingRequestedSignal, { signers });
      await stage.countersign.stop(id, 'nobody is to sign it');
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-expired': {
    async run(stage) {
      const { id } = stage.sandbox.createDocument();
      const deadline = new Date(Date.now() + 500).toISOString();
      await stage.countersign.trackDocument(id, { deadline });
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-expired-by-default': {
    // Begun by a callback, it hears of the deadline from the worker alone.
    environment: { DOCUMENT_DEADLINE: '1s' },
    async run(stage) {
      const { id } = stage.sandbox.createDocument();
      await stage.sandbox.flushCallbacks();
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-adopted-from-callbacks': {
    async run(stage) {
      const { id } = stage.sandbox.createDocument({ signers: 2 });
      await stage.sandbox.completeDocument(id);
      await stage.sandbox.flushCallbacks();
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-adopted-by-a-reconciliation': {
    subscribes: false,
    async run(stage) {
      const { id } = stage.sandbox.createDocument({ signers: 2 });
      await reconcile(stage);
      stage.sandbox.advanceSigner(firstSigner(stage, id), { status: 'visited' });
      await reconcile(stage);
      await stage.sandbox.completeDocument(id);
      await reconcile(stage);
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-tracked-twice': {
    async run(stage) {
      const id = await track(stage, 1);
      await handleOf(stage, id).signal(trackingRequestedSignal, { tag: 'second' });
      await stage.sandbox.completeDocument(id);
      await stage.sandbox.flushCallbacks();
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-archived-before': {
    subscribes: false,
    async run(stage) {
      const id = await track(stage, 1);
      await stage.sandbox.completeDocument(id);
      await stage.countersign.refresh(id);
      await finished(stage, documentWorkflowId(id));
      // As after the namespace's retention, when nothing of the first run is known any more.
      await stage.client.workflow.start(WORKFLOW_TYPES.documentSigning, {
        ...documentStart({ documentId: id }),
        workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
        taskQueue: stage.taskQueue,
      });
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-awaits-its-final-pdf': {
    // Takes the two minutes after which the provider is asked for the PDF.
    subscribes: false,
    sandbox: { finalPdfDelayMs: 3_600_000 },
    async run(stage) {
      const id = await track(stage, 1);
      stage.sandbox.advanceSigner(firstSigner(stage, id), { status: 'signed' });
      await tell(stage, id, { subject: 'document', id, status: 'signed' });
      await completed(handleOf(stage, id), 'lookUpDocument', 180_000);
      await stage.sandbox.finaliseDocument(id);
      await tell(stage, id, { subject: 'document', id, status: 'finalised' });
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-stopped': {
    async run(stage) {
      const id = await track(stage, 2);
      await stage.countersign.stop(id, 'withdrawn');
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-cancelled': {
    async run(stage) {
      const id = await track(stage, 1, { deadline: '2099-12-31T12:00:00Z' });
      await settled(stage);
      await until(() => hasTimer(handleOf(stage, id)));
      await handleOf(stage, id).cancel();
      return broken(stage, documentWorkflowId(id));
    },
  },
  'document-refreshed': {
    async run(stage) {
      const id = await track(stage, 1);
      await stage.sandbox.idle();
      stage.sandbox.muteDocument(id);
      await stage.sandbox.completeDocument(id);
      await stage.countersign.refresh(id);
      return finished(stage, documentWorkflowId(id));
    },
  },
};
