/** One slice of our side: documents created, signed by everybody, and seen to close. */
import PQueue from 'p-queue';
import type { DocumentRequest } from '../client/index.js';
import { shuffled } from '../sandbox/seeded-random.js';
import type { Random } from '../sandbox/seeded-random.js';
import { documentWorkflowId } from '../workflows/contract.js';
import type { SigningStage } from './bench-stage.js';
import { untilClosed, untilNothingRuns } from './until-closed.js';

/** As many as the provider's client has calls in flight. */
export const CREATING_AT_ONCE = 8;

/** For a machine in need: far more than a document takes. */
const PATIENCE_MS = 60_000;
const PATIENCE_PER_DOCUMENT_MS = 500;

/** What one slice is. */
export interface SliceOrder {
  readonly documents: number;
  readonly signers: number;
  readonly lingerMs: number;
  /** Says in which order signers sign. */
  readonly random: Random;
}

/** What became of it. */
export interface SignedSlice {
  readonly documentIds: readonly string[];
  /** Why a document could not be created, for each that could not. */
  readonly notCreated: readonly string[];
  /** Workflow IDs, or a count of what else ran on. */
  readonly notClosed: readonly string[];
  /** From before the first creation until the last workflow was seen closed, without the linger. */
  readonly durationMs: number;
}

/** When to stop waiting for so many documents, in milliseconds since the epoch. */
export function deadlineFor(documents: number): number {
  return Date.now() + PATIENCE_MS + documents * PATIENCE_PER_DOCUMENT_MS;
}

/** Creates and signs through the public interfaces, and waits. */
export async function signDocuments(stage: SigningStage, order: SliceOrder): Promise<SignedSlice> {
  const { client, sandbox, signal } = stage;
  const beganMs = performance.now();
  const deadlineMs = deadlineFor(order.documents);
  const { documentIds, notCreated } = await createAndSign(stage, order);
  const workflowIds = documentIds.map((id) => documentWorkflowId(id));
  const notClosed = await untilClosed(client, workflowIds, deadlineMs, signal);
  const durationMs = performance.now() - beganMs - order.lingerMs;
  // What trails is not to burden the other side.
  await sandbox.flushCallbacks();
  await sandbox.idle();
  const running = await untilNothingRuns(client, deadlineFor(0), signal);
  const others = running > notClosed.length ? [`${running - notClosed.length} deliveries`] : [];
  return { documentIds, notCreated, notClosed: [...notClosed, ...others], durationMs };
}

async function createAndSign(
  { countersign, sandbox, signal }: SigningStage,
  { documents, signers, random }: SliceOrder,
): Promise<Pick<SignedSlice, 'documentIds' | 'notCreated'>> {
  const queue = new PQueue({ concurrency: CREATING_AT_ONCE });
  const documentIds: string[] = [];
  const notCreated: string[] = [];
  const createOne = async (index: number): Promise<void> => {
    signal.throwIfAborted();
    try {
      const { documentId } = await countersign.createDocument(requestFor(index, signers));
      documentIds.push(documentId);
      for (const { id } of shuffled(sandbox.document(documentId).signers, random)) {
        sandbox.advanceSigner(id, { status: 'signed' });
      }
    } catch (error) {
      notCreated.push(String(error));
    }
  };
  await queue.addAll(Array.from({ length: documents }, (_, index) => () => createOne(index)));
  return { documentIds, notCreated };
}

function requestFor(index: number, signers: number): DocumentRequest {
  return {
    name: `Agreement ${index}`,
    group: 'bench',
    tag: 'lifecycle',
    text: 'An agreement.',
    signers: Array.from({ length: signers }, (_, number) => ({
      firstname: 'Sam',
      lastname: `Signer ${number}`,
      email: `sam${number}@example.com`,
      // All may sign at once, so that their order can be any.
      order: 1,
    })),
  };
}
