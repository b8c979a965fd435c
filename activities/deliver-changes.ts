import { Context } from '@temporalio/activity';
import PQueue from 'p-queue';
import type { ProviderClient } from '../provider/provider-client.js';
import type {
  Activities,
  DeliverChangesInput,
  DeliverChangesResult,
  DocumentSnapshot,
} from '../workflows/contract.js';
import { withHeartbeat } from './heartbeat.js';
import {
  parcelsOf,
  unnamedChanges,
  unverifiedHints,
  type Parcel,
  type Undelivered,
} from './parcels.js';
import {
  notifyDocument,
  signalDocument,
  SIGNALS_AT_ONCE,
  type Documents,
} from './signal-document.js';
import type { SignerRoutes } from './signer-routes.js';
import { tellUndelivered } from './undelivered.js';

/** What delivering needs. */
export interface Delivery extends Documents {
  readonly provider: ProviderClient;
  readonly routes: SignerRoutes;
  /** Before what cannot be delivered is asked for again, in ms. */
  readonly retryPausesMs: readonly number[];
}

const UNKNOWN_DOCUMENT = 'the provider does not know this document';

/** Routes changes to their documents and signals each document once, with its news in order. */
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
  learnRoutes(delivery.routes, input);
  const routing = await delivery.routes.route(signerIdsOf(input), {
    askProvider: input.askProvider,
    signal,
    onProgress: report('signers asked for'),
  });
  const { parcels, unroutedChanges } = parcelsOf(input, routing);
  const { hinted, unknownHints } = await lookUpHints(delivery.provider, input, signal);
  const sent = await sendAll(delivery, [...parcels, ...hinted], {
    signal,
    onProgress: report('documents signalled'),
  });
  return {
    delivered: sent.delivered,
    documents: sent.documents,
    closedDocuments: sent.closedDocuments,
    ...tellUndelivered(
      [...unroutedChanges, ...sent.undeliveredChanges],
      [...unknownHints, ...sent.undeliveredHints],
    ),
    retryPausesMs: delivery.retryPausesMs,
  };
}

/** Batches name no document: their signers are often those of whom others spoke before. */
function learnRoutes(routes: SignerRoutes, { changes, named = [] }: DeliverChangesInput): void {
  for (const { documentId, changes: positions, snapshot } of named) {
    const told = positions.flatMap((index) => changes[index] ?? []);
    const signers = told.filter(({ subject }) => subject === 'signer');
    for (const { id } of [...signers, ...(snapshot?.signers ?? [])]) routes.learn(id, documentId);
  }
}

function signerIdsOf(input: DeliverChangesInput): string[] {
  return unnamedChanges(input).flatMap((index) => {
    const change = input.changes[index];
    return change?.subject === 'signer' ? [change.id] : [];
  });
}

/** An unsigned callback is not believed: what the provider itself shows is delivered instead. */
async function lookUpHints(
  provider: ProviderClient,
  input: DeliverChangesInput,
  signal: AbortSignal,
): Promise<{ hinted: Parcel[]; unknownHints: Undelivered[] }> {
  const hinted: Parcel[] = [];
  const unknownHints: Undelivered[] = [];
  for (const index of unverifiedHints(input)) {
    const documentId = input.hints[index] ?? '';
    try {
      const snapshot = await provider.getDocument(documentId, { signal });
      if (snapshot) {
        hinted.push(hintedParcel(documentId, index, snapshot));
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

function hintedParcel(documentId: string, index: number, snapshot: DocumentSnapshot): Parcel {
  const { group, tag } = snapshot;
  return {
    document: { documentId, ...(group ? { group } : {}), ...(tag ? { tag } : {}) },
    reports: [{ source: 'provider', changes: [], snapshot }],
    isNoticed: false,
    changes: [],
    hints: [index],
  };
}

interface Sent extends Pick<DeliverChangesResult, 'delivered' | 'documents' | 'closedDocuments'> {
  readonly undeliveredChanges: readonly Undelivered[];
  readonly undeliveredHints: readonly Undelivered[];
}

async function sendAll(
  delivery: Delivery,
  parcels: readonly Parcel[],
  { signal, onProgress }: { signal: AbortSignal; onProgress: (count: number) => void },
): Promise<Sent> {
  const queue = new PQueue({ concurrency: SIGNALS_AT_ONCE });
  const result = { delivered: 0, documents: 0, closedDocuments: 0 };
  const undeliveredChanges: Undelivered[] = [];
  const undeliveredHints: Undelivered[] = [];
  let tried = 0;
  const sendOne = async (parcel: Parcel): Promise<void> => {
    // Another attempt is under way, or the worker stops: this one has no more to say.
    signal.throwIfAborted();
    try {
      const isOpen = await tell(delivery, parcel);
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

/** @returns whether the document is open */
async function tell(delivery: Delivery, parcel: Parcel): Promise<boolean> {
  const { document, reports, isNoticed } = parcel;
  let isOpen = true;
  for (const report of reports) isOpen = await signalDocument(delivery, document, report);
  return isNoticed ? notifyDocument(delivery, document) : isOpen;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
