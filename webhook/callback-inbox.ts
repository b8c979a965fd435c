/** The only file that writes to Temporal. */
import { randomUUID } from 'node:crypto';
import {
  WorkflowExecutionAlreadyStartedError,
  WorkflowIdConflictPolicy,
  WorkflowIdReusePolicy,
  WorkflowNotFoundError,
  type Client,
} from '@temporalio/client';
import {
  callbackWorkflowId,
  documentWorkflowId,
  noticeReceivedSignal,
  statusChangedSignal,
  WORKFLOW_TYPES,
  type CallbackDeliveryInput,
  type StatusReport,
} from '../workflows/contract.js';
import { documentStart } from '../workflows/document-start.js';
import { BoundedCalls } from './bounded-calls.js';
import { UnavailableError } from './errors.js';
import type { NamedDocument } from './named-document.js';
import { fitReport, splitDelivery } from './payload-size.js';

/** One durable write. Plain data, so that it can also wait in a file or in company. */
export type InboxMessage =
  /** Changes of any number of documents, or of signers whose document is not named. */
  | {
      readonly kind: 'delivery';
      readonly digest: string;
      readonly input: CallbackDeliveryInput;
      /** In ms: it is durable at once, and delivered no sooner than that. */
      readonly startDelayMs?: number;
    }
  /** Verified news of one document. */
  | { readonly kind: 'report'; readonly document: NamedDocument; readonly report: StatusReport }
  /** Verified: something happened to the document. */
  | { readonly kind: 'notice'; readonly document: NamedDocument }
  /** Unverified: something may have happened to the document. */
  | { readonly kind: 'hint'; readonly documentId: string; readonly receivedAt: string };

/** Of any number of callbacks. */
export type DeliveryMessage = Extract<InboxMessage, { kind: 'delivery' }>;

/**
 * `duplicate`: the delivery exists already. `closed`: the document has its outcome. `spooled`: it
 * waits in a file until Temporal can be reached.
 */
export type StoreResult = 'stored' | 'duplicate' | 'closed' | 'spooled';

/** Where callbacks become durable. */
export interface CallbackInbox {
  /** Resolves once the write is acknowledged. Throws UnavailableError or BusyError, no other. */
  store(message: InboxMessage): Promise<StoreResult>;
}

/** What the inbox writes with. */
interface CallbackInboxOptions {
  readonly client: Client;
  readonly taskQueue: string;
  /** Of one write, in ms; a delivery in parts has as much for each. 2 s unless told. */
  readonly deadlineMs?: number;
}

/** An inbox that is Temporal itself. */
interface TemporalInbox extends CallbackInbox {
  /** Resolves once the client may be closed. */
  settled(): Promise<void>;
}

/** An inbox on a client's connection. */
export function createCallbackInbox(options: CallbackInboxOptions): TemporalInbox {
  const calls = new BoundedCalls(options.client);
  const writer = new TemporalWriter(options, calls);
  return {
    async store(message) {
      try {
        return await writer.write(message);
      } catch (error) {
        // Whatever it is, search attributes that are not there yet included: ours, and for now.
        throw new UnavailableError(error);
      }
    },
    settled: () => calls.settled(),
  };
}

class TemporalWriter {
  readonly #client: Client;
  readonly #taskQueue: string;
  readonly #deadlineMs: number;
  readonly #calls: BoundedCalls;

  constructor({ client, taskQueue, deadlineMs = 2000 }: CallbackInboxOptions, calls: BoundedCalls) {
    this.#client = client;
    this.#calls = calls;
    this.#taskQueue = taskQueue;
    this.#deadlineMs = deadlineMs;
  }

  write(message: InboxMessage): Promise<StoreResult> {
    switch (message.kind) {
      case 'delivery':
        return this.#startDeliveries(message);
      case 'report':
        return this.#report(message.document, fitReport(message.report));
      case 'notice':
        return this.#notice(message.document);
      case 'hint':
        return this.#hint(message.documentId, message.receivedAt);
    }
  }

  /** Part after part. A redelivery finds those that exist. */
  #startDeliveries({ digest, input, startDelayMs }: DeliveryMessage): Promise<StoreResult> {
    const parts = splitDelivery(input);
    return this.#calls.within(parts.length * this.#deadlineMs, async () => {
      const results: StoreResult[] = [];
      for (const [index, part] of parts.entries()) {
        const workflowId = callbackWorkflowId(digest, index + 1);
        results.push(await this.#startDelivery(workflowId, part, startDelayMs));
      }
      return results.every((result) => result === 'duplicate') ? 'duplicate' : 'stored';
    });
  }

  #startDelivery(
    workflowId: string,
    input: CallbackDeliveryInput,
    startDelay: number | undefined,
  ): Promise<StoreResult> {
    return orExisting('duplicate', () =>
      this.#client.workflow.start(WORKFLOW_TYPES.callbackDelivery, {
        workflowId,
        taskQueue: this.#taskQueue,
        args: [input],
        workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
        workflowIdConflictPolicy: WorkflowIdConflictPolicy.FAIL,
        staticSummary: summaryOf(input),
        ...(startDelay !== undefined && { startDelay }),
      }),
    );
  }

  #report(document: NamedDocument, report: StatusReport): Promise<StoreResult> {
    return this.#ofDocument(() =>
      this.#client.workflow.signalWithStart(WORKFLOW_TYPES.documentSigning, {
        ...documentStart(document, report),
        taskQueue: this.#taskQueue,
        signal: statusChangedSignal,
        signalArgs: [report],
      }),
    );
  }

  #notice(document: NamedDocument): Promise<StoreResult> {
    return this.#ofDocument(() =>
      this.#client.workflow.signalWithStart(WORKFLOW_TYPES.documentSigning, {
        ...documentStart(document),
        taskQueue: this.#taskQueue,
        signal: noticeReceivedSignal,
      }),
    );
  }

  #ofDocument(write: () => Promise<unknown>): Promise<StoreResult> {
    return this.#calls.within(this.#deadlineMs, () => orExisting('closed', write));
  }

  /** Starts nothing for the document itself: whether it exists, only the provider can say. */
  #hint(documentId: string, receivedAt: string): Promise<StoreResult> {
    return this.#calls.within<StoreResult>(this.#deadlineMs, async () => {
      const handle = this.#client.workflow.getHandle(documentWorkflowId(documentId));
      try {
        await handle.signal(noticeReceivedSignal);
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
        await this.#startHint(documentId, receivedAt);
      }
      return 'stored';
    });
  }

  /** Never joins an earlier hint's delivery: that one may have asked the provider already. */
  async #startHint(documentId: string, receivedAt: string): Promise<void> {
    const hints = [documentId];
    const input = { source: 'hint', receivedAt, changes: [], hints, setAside: [] } as const;
    await this.#client.workflow.start(WORKFLOW_TYPES.callbackDelivery, {
      workflowId: callbackWorkflowId(`hint-${documentId}-${randomUUID()}`),
      taskQueue: this.#taskQueue,
      args: [input],
      staticSummary: summaryOf(input),
    });
  }
}

async function orExisting(
  existing: StoreResult,
  write: () => Promise<unknown>,
): Promise<StoreResult> {
  try {
    await write();
    return 'stored';
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return existing;
    throw error;
  }
}

function summaryOf(input: CallbackDeliveryInput): string {
  const what =
    input.source === 'hint'
      ? `hint of ${input.hints?.length ?? 0} documents`
      : `${input.source} of ${input.changes.length} changes`;
  const together = input.named ? ` of ${input.named.length} callbacks` : '';
  const aside = input.setAside.length > 0 ? `, ${input.setAside.length} set aside` : '';
  const part = input.part ? `, part ${input.part.number} of ${input.part.of}` : '';
  return `${what}${together}${aside}${part}${input.held === undefined ? '' : `, held: ${input.held}`}`;
}
