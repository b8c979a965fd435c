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
import { UnavailableError } from './errors.js';
import { fitReport, splitDelivery } from './payload-size.js';

/** A document with the labels that the callback gave it. */
export interface NamedDocument {
  readonly documentId: string;
  readonly group?: string;
  readonly tag?: string;
}

/** One durable write. Plain data, so that it can also wait in a file or in company. */
export type InboxMessage =
  /** Changes of any number of documents, or of signers whose document is not named. */
  | { readonly kind: 'delivery'; readonly digest: string; readonly input: CallbackDeliveryInput }
  /** Verified news of one document. */
  | { readonly kind: 'report'; readonly document: NamedDocument; readonly report: StatusReport }
  /** Verified: something happened to the document. */
  | { readonly kind: 'notice'; readonly document: NamedDocument }
  /** Unverified: something may have happened to the document. */
  | { readonly kind: 'hint'; readonly documentId: string; readonly receivedAt: string };

/** `duplicate`: the delivery exists already. `closed`: the document has its outcome. */
export type StoreResult = 'stored' | 'duplicate' | 'closed';

/** Where callbacks become durable. */
export interface CallbackInbox {
  /** Resolves once the write is acknowledged. Throws UnavailableError, and nothing else. */
  store(message: InboxMessage): Promise<StoreResult>;
}

/** What the inbox writes with. */
export interface CallbackInboxOptions {
  readonly client: Client;
  readonly taskQueue: string;
  /** Per call, in ms. Without one, a call to a server that is down hangs for 20 s. */
  readonly deadlineMs?: number;
}

/** An inbox that is Temporal itself. */
export function createCallbackInbox(options: CallbackInboxOptions): CallbackInbox {
  const writer = new TemporalWriter(options);
  return {
    async store(message) {
      try {
        return await writer.write(message);
      } catch (error) {
        // Whatever it is, search attributes that are not there yet included: ours, and for now.
        throw new UnavailableError(error);
      }
    },
  };
}

class TemporalWriter {
  readonly #client: Client;
  readonly #taskQueue: string;
  readonly #deadlineMs: number;

  constructor({ client, taskQueue, deadlineMs = 2000 }: CallbackInboxOptions) {
    this.#client = client;
    this.#taskQueue = taskQueue;
    this.#deadlineMs = deadlineMs;
  }

  write(message: InboxMessage): Promise<StoreResult> {
    switch (message.kind) {
      case 'delivery':
        return this.#startDeliveries(message.digest, message.input);
      case 'report':
        return this.#report(message.document, fitReport(message.report));
      case 'notice':
        return this.#notice(message.document);
      case 'hint':
        return this.#hint(message.documentId, message.receivedAt);
    }
  }

  /** Part after part, so that each has the whole deadline. A redelivery finds those that exist. */
  async #startDeliveries(digest: string, input: CallbackDeliveryInput): Promise<StoreResult> {
    const parts = splitDelivery(input);
    const results: StoreResult[] = [];
    for (const [index, part] of parts.entries()) {
      results.push(await this.#startDelivery(callbackWorkflowId(digest, index + 1), part));
    }
    return results.every((result) => result === 'duplicate') ? 'duplicate' : 'stored';
  }

  #startDelivery(workflowId: string, input: CallbackDeliveryInput): Promise<StoreResult> {
    return this.#once('duplicate', () =>
      this.#client.workflow.start(WORKFLOW_TYPES.callbackDelivery, {
        workflowId,
        taskQueue: this.#taskQueue,
        args: [input],
        workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
        workflowIdConflictPolicy: WorkflowIdConflictPolicy.FAIL,
        staticSummary: summaryOf(input),
      }),
    );
  }

  #report(document: NamedDocument, report: StatusReport): Promise<StoreResult> {
    return this.#once('closed', () =>
      this.#client.workflow.signalWithStart(WORKFLOW_TYPES.documentSigning, {
        ...documentStart(document, report),
        taskQueue: this.#taskQueue,
        signal: statusChangedSignal,
        signalArgs: [report],
      }),
    );
  }

  #notice(document: NamedDocument): Promise<StoreResult> {
    return this.#once('closed', () =>
      this.#client.workflow.signalWithStart(WORKFLOW_TYPES.documentSigning, {
        ...documentStart(document),
        taskQueue: this.#taskQueue,
        signal: noticeReceivedSignal,
      }),
    );
  }

  /** Starts nothing for the document itself: whether it exists, only the provider can say. */
  async #hint(documentId: string, receivedAt: string): Promise<StoreResult> {
    const handle = this.#client.workflow.getHandle(documentWorkflowId(documentId));
    try {
      await this.#call(() => handle.signal(noticeReceivedSignal));
      return 'stored';
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
    const hints = [documentId];
    const input = { source: 'hint', receivedAt, changes: [], hints, setAside: [] } as const;
    return this.#startDelivery(callbackWorkflowId(`hint-${randomUUID()}`), input);
  }

  async #once(existing: StoreResult, write: () => Promise<unknown>): Promise<StoreResult> {
    try {
      await this.#call(write);
      return 'stored';
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError) return existing;
      throw error;
    }
  }

  #call<Result>(write: () => Promise<Result>): Promise<Result> {
    return this.#client.withDeadline(Date.now() + this.#deadlineMs, write);
  }
}

function summaryOf(input: CallbackDeliveryInput): string {
  const what =
    input.source === 'hint'
      ? `hint of ${input.hints?.length ?? 0} documents`
      : `${input.source} of ${input.changes.length} changes`;
  const aside = input.setAside.length > 0 ? `, ${input.setAside.length} set aside` : '';
  const part = input.part ? `, part ${input.part.number} of ${input.part.of}` : '';
  return `${what}${aside}${part}${input.held === undefined ? '' : `, held: ${input.held}`}`;
}
