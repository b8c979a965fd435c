import { Context } from '@temporalio/activity';
import PQueue from 'p-queue';
import type { ProviderClient } from '../provider/provider-client.js';
import type {
  Activities,
  DeliverChangesInput,
  DeliverChangesResult,
  DocumentSigningInput,
  StatusReport,
} from '../workflows/contract.js';
import { withHeartbeat } from './heartbeat.js';
import { signalDocument, SIGNALS_AT_ONCE, type Documents } from './signal-document.js';
import type { Routing, SignerRoutes } from './signer-routes.js';

/** What delivering needs. */
export interface Delivery extends Documents {
  readonly provider: ProviderClient;
  readonly routes: SignerRoutes;
  /** Before what cannot be delivered is asked for again, in ms. */
  readonly retryPausesMs: readonly number[];
}

const UNKNOWN_DOCUMENT = 'the provider does not know this document';

interface Parcel {
  readonly documentId: string;
  readonly report: StatusReport;
  /** Positions in the input that this parcel carries. */
  readonly changes: readonly number[];
  readonly hints: readonly number[];
}

interface Undelivered {
  readonly index: number;
  readonly reason: string;
  readonly isFinal?: boolean;
}

/** Routes changes to their documents and signals each document once, with its changes in order. */
export function createDeliverChanges(delivery: Delivery): Activities['deliverChanges'] {
  return (input) =>
    withHeartbeat((note) => {
      const { cancellationSignal: signal } = Context.current();
      const report = (phase: string) => (count: number) => {
        note({ phase, count });
      };
      return deliverOnce(delivery, input, { signal, report });
    });
}

interface Run {
  readonly signal: AbortSignal;
  readonly report: (phase: string) => (count: number) => void;
}

async function deliverOnce(
  delivery: Delivery,
  input: DeliverChangesInput,
  { signal, report }: Run,
): Promise<DeliverChangesResult> {
  const routing = await delivery.routes.route(signerIdsOf(input), {
    askProvider: input.askProvider,
    signal,
    onProgress: report('signers asked for'),
  });
  const { parcels, unroutedChanges } = parcelsOf(input, routing);
  const { hinted, unknownHints } = await lookUpHints(delivery.provider, input.hints, signal);
  const sent = await sendAll(delivery, [...parcels, ...hinted], {
    signal,
    onProgress: report('documents signalled'),
  });
  return {
    delivered: sent.delivered,
    documents: sent.documents,
    closedDocuments: sent.closedDocuments,
    undeliveredChanges: [...unroutedChanges, ...sent.undeliveredChanges],
    undeliveredHints: [...unknownHints, ...sent.undeliveredHints],
    retryPausesMs: delivery.retryPausesMs,
  };
}

function signerIdsOf({ changes }: DeliverChangesInput): string[] {
  return changes.flatMap(({ subject, id }) => (subject === 'signer' ? [id] : []));
}

function parcelsOf(
  { changes, source }: DeliverChangesInput,
  { documents, unrouted }: Routing,
): { parcels: Parcel[]; unroutedChanges: Undelivered[] } {
  const positions = new Map<string, number[]>();
  const unroutedChanges: Undelivered[] = [];
  for (const [index, { subject, id }] of changes.entries()) {
    const documentId = subject === 'document' ? id : documents.get(id);
    if (documentId === undefined) {
      unroutedChanges.push({ index, reason: unrouted.get(id) ?? 'no document is known' });
    } else {
      const known = positions.get(documentId);
      if (known) known.push(index);
      else positions.set(documentId, [index]);
    }
  }
  const parcels = [...positions].map(([documentId, indexes]) => ({
    documentId,
    report: { source, changes: indexes.flatMap((index) => changes[index] ?? []) },
    changes: indexes,
    hints: [],
  }));
  return { parcels, unroutedChanges };
}

/** An unsigned callback is not believed: what the provider itself shows is delivered instead. */
async function lookUpHints(
  provider: ProviderClient,
  hints: readonly string[],
  signal: AbortSignal,
): Promise<{ hinted: Parcel[]; unknownHints: Undelivered[] }> {
  const hinted: Parcel[] = [];
  const unknownHints: Undelivered[] = [];
  for (const [index, documentId] of hints.entries()) {
    try {
      const snapshot = await provider.getDocument(documentId, { signal });
      if (snapshot) {
        const report = { source: 'provider', changes: [], snapshot } as const;
        hinted.push({ documentId, report, changes: [], hints: [index] });
      } else {
        unknownHints.push({ index, reason: UNKNOWN_DOCUMENT, isFinal: true });
      }
    } catch (error) {
      signal.throwIfAborted();
      unknownHints.push({ index, reason: reasonOf(error) });
    }
  }
  return { hinted, unknownHints };
}

async function sendAll(
  delivery: Delivery,
  parcels: readonly Parcel[],
  { signal, onProgress }: { signal: AbortSignal; onProgress: (count: number) => void },
): Promise<Omit<DeliverChangesResult, 'retryPausesMs'>> {
  const queue = new PQueue({ concurrency: SIGNALS_AT_ONCE });
  const result = { delivered: 0, documents: 0, closedDocuments: 0 };
  const undeliveredChanges: Undelivered[] = [];
  const undeliveredHints: Undelivered[] = [];
  let tried = 0;
  const sendOne = async (parcel: Parcel): Promise<void> => {
    // Another attempt is under way, or the worker stops: this one has no more to say.
    signal.throwIfAborted();
    try {
      const isOpen = await signalDocument(delivery, inputOf(parcel), parcel.report);
      result.delivered += parcel.changes.length;
      if (isOpen) result.documents += 1;
      else result.closedDocuments += 1;
    } catch (error) {
      const reason = reasonOf(error);
      undeliveredChanges.push(...parcel.changes.map((index) => ({ index, reason })));
      undeliveredHints.push(...parcel.hints.map((index) => ({ index, reason })));
    }
    onProgress((tried += 1));
  };
  await queue.addAll(parcels.map((parcel) => () => sendOne(parcel)));
  return { ...result, undeliveredChanges, undeliveredHints };
}

function inputOf({ documentId, report }: Parcel): DocumentSigningInput {
  const { group, tag } = report.snapshot ?? {};
  return { documentId, ...(group ? { group } : {}), ...(tag ? { tag } : {}) };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
