/** The ways of a document on which something fails. */
import { randomUUID } from 'node:crypto';
import {
  documentWorkflowId,
  waitForChangeUpdate,
  WORKFLOW_TYPES,
} from '../../workflows/contract.js';
import { documentStart } from '../../workflows/document-start.js';
import {
  activitiesIn,
  attemptedAgain,
  attended,
  beginFinalised,
  broken,
  completed,
  finished,
  handleOf,
  hasAnnounced,
  tell,
  track,
  type Scenarios,
} from './recording.js';
import type { Stage } from './stage.js';
import { until } from './until.js';

/** Each by the name of its history. */
export const failingDocuments: Scenarios = {
  'document-wrong-hash-then-retry': {
    async run(stage) {
      const id = await track(stage, 1);
      stage.sandbox.changeFaults({ wrongPdf: 'always' });
      await stage.sandbox.completeDocument(id);
      await stage.sandbox.idle();
      let view = await stage.countersign.progress(id);
      while (!view.attention) view = await stage.countersign.waitForChange(id, view.revision);
      stage.sandbox.changeFaults({ wrongPdf: 0 });
      await stage.countersign.retry(id);
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-wrong-hash-before-asked': {
    subscribes: false,
    hasReceiver: true,
    async run(stage) {
      const { id } = stage.sandbox.createDocument();
      stage.sandbox.changeFaults({ wrongPdf: 'always' });
      await stage.sandbox.completeDocument(id);
      await beginFinalised(stage, id);
      await until(() => hasAnnounced(handleOf(stage, id), 'document.integrityFailed'));
      stage.sandbox.changeFaults({ wrongPdf: 0 });
      await stage.countersign.retry(id);
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-final-pdf-not-shown': {
    subscribes: false,
    async run(stage) {
      const id = await track(stage, 1);
      stage.sandbox.removeDocument(id);
      await tell(stage, id, { subject: 'document', id, status: 'finalised' });
      await until(() => hasAnnounced(handleOf(stage, id), 'document.needsAttention'));
      await stage.countersign.stop(id, 'removed at the provider');
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-attempted-again': {
    async run(stage) {
      const id = await trackedInVain(stage);
      stage.sandbox.replaceFaults({ cutPdf: 'always' });
      await stage.sandbox.completeDocument(id);
      await attemptedAgain(handleOf(stage, id), 'archiveDocument');
      stage.sandbox.replaceFaults();
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-vouched-for-while-asked-for': {
    async run(stage) {
      const id = await trackedInVain(stage, randomUUID());
      const signers = [{ id: randomUUID(), status: 'sent' }] as const;
      await stage.countersign.trackDocument(id, { signers });
      stage.sandbox.replaceFaults();
      await completed(handleOf(stage, id), 'lookUpDocument');
      await stage.countersign.stop(id, 'nobody is to sign it');
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-unknown-with-a-deadline': {
    // Begun by a callback, it hears of the deadline from the worker alone.
    environment: { DOCUMENT_DEADLINE: '30d' },
    async run(stage) {
      const id = await startedInVain(stage);
      const { revision } = await stage.countersign.progress(id);
      const handle = handleOf(stage, id);
      const changed = await handle.startUpdate(waitForChangeUpdate, {
        args: [{ afterRevision: revision }],
        waitForStage: 'ACCEPTED',
      });
      stage.sandbox.replaceFaults();
      await changed.result();
      await stage.countersign.stop(id, 'nobody is to sign it');
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-retry-begins-again': {
    async run(stage) {
      const id = await trackedInVain(stage);
      const handle = handleOf(stage, id);
      await stage.countersign.retry(id);
      await until(async () => (await activitiesIn(handle, 'lookUpDocument')).scheduled > 1);
      stage.sandbox.replaceFaults();
      await stage.sandbox.completeDocument(id);
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-stopped-while-failing': {
    async run(stage) {
      const id = await trackedInVain(stage);
      await stage.countersign.stop(id, 'the provider does not answer');
      return finished(stage, documentWorkflowId(id));
    },
  },
  'document-cancelled-while-failing': {
    async run(stage) {
      const id = await trackedInVain(stage);
      await handleOf(stage, id).cancel();
      return broken(stage, documentWorkflowId(id));
    },
  },
  'document-channel-refuses-then-retry': {
    hasReceiver: true,
    async run(stage, receiver) {
      receiver.answers.push(410);
      const id = await track(stage, 1);
      await stage.sandbox.completeDocument(id);
      await attended(stage, id);
      await stage.countersign.retry(id);
      return finished(stage, documentWorkflowId(id));
    },
  },
};

/** Has a workflow begin, as a callback does, that asks a provider which does not answer. */
async function startedInVain(stage: Stage): Promise<string> {
  const id = randomUUID();
  stage.sandbox.changeFaults({ failApi: 1 });
  await stage.client.workflow.start(WORKFLOW_TYPES.documentSigning, {
    ...documentStart({ documentId: id }),
    taskQueue: stage.taskQueue,
  });
  await attemptedAgain(handleOf(stage, id), 'lookUpDocument');
  return id;
}

/** The same, as an application does. */
async function trackedInVain(
  stage: Stage,
  id = stage.sandbox.createDocument().id,
): Promise<string> {
  stage.sandbox.changeFaults({ failApi: 1 });
  await stage.countersign.trackDocument(id);
  await attemptedAgain(handleOf(stage, id), 'lookUpDocument');
  return id;
}
