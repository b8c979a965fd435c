/** The sandbox at a glance, as its page shows it. */
import type { CallbackCounters, CallbackRecord } from './callback-log.js';
import type { Faults } from './faults.js';
import type { DocumentRecord, SignerRecord, SubscriptionRecord } from './records.js';
import type { SandboxCore } from './sandbox-core.js';
import { nextStatus } from './signing-rules.js';
import { documentStatusText, signerStatusText } from './status-texts.js';

/** More would slow the page down and nobody would read them. */
const DOCUMENTS_SHOWN = 100;
const CALLBACKS_SHOWN = 50;

/** A signer as the page shows it. */
interface SignerView extends Omit<SignerRecord, 'documentId' | 'told'> {
  readonly statusText: string;
  /** The usual next status in words; null where there is none. */
  readonly next: string | null;
}

/** A document as the page shows it. */
interface DocumentView {
  readonly id: string;
  readonly name: string;
  readonly group: string;
  readonly tag: string;
  readonly status: number;
  readonly statusText: string;
  readonly archived: boolean;
  readonly created: number;
  readonly modified: number;
  readonly hash: string | null;
  readonly signers: readonly SignerView[];
}

/** Everything that the page shows. */
export interface StateView {
  readonly revision: number;
  readonly totals: {
    readonly documents: number;
    readonly signers: number;
    /** Entries that wait for the next batch. */
    readonly pendingEntries: number;
  };
  readonly documents: readonly DocumentView[];
  readonly subscriptions: readonly SubscriptionRecord[];
  readonly callbacks: readonly CallbackRecord[];
  readonly counters: CallbackCounters;
  readonly faults: Faults;
}

function signerView(document: DocumentRecord, record: SignerRecord): SignerView {
  const { documentId, told: _told, ...signer } = record;
  const next = documentId === document.id ? nextStatus(document, record) : '';
  return {
    ...signer,
    statusText: signerStatusText(record.status),
    next: typeof next === 'number' ? signerStatusText(next) : null,
  };
}

function documentView(document: DocumentRecord): DocumentView {
  const { id, name, group, tag, status, archived, created, modified, hash } = document;
  const statusText = hash === null ? documentStatusText(status) : documentStatusText(100);
  const signers = document.signers.map((signer) => signerView(document, signer));
  return {
    ...{ id, name, group, tag, status, statusText, archived, created, modified, hash },
    signers,
  };
}

/** A picture of the sandbox now. */
export function stateView({ register, outbox, log, faults, revision }: SandboxCore): StateView {
  const newest = register.oldestFirst.slice(-DOCUMENTS_SHOWN).reverse();
  return {
    revision,
    totals: {
      documents: register.documents.size,
      signers: register.signers.size,
      pendingEntries: outbox.pendingEntries,
    },
    documents: newest.map(documentView),
    subscriptions: [...register.subscriptions.values()],
    callbacks: log.newest(CALLBACKS_SHOWN),
    counters: { ...log.counters },
    faults: faults.current,
  };
}
