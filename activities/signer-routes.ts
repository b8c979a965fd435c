import { Client } from '@temporalio/client';
import { LRUCache } from 'lru-cache';
import PQueue from 'p-queue';
import { lookUpOptions } from '../codec/data-converter.js';
import type { ProviderClient } from '../provider/provider-client.js';
import { ProviderError } from '../provider/provider-error.js';
import { ID_PATTERN, SEARCH_ATTRIBUTES, WORKFLOW_TYPES } from '../workflows/contract.js';
import { askPatiently } from './ask-patiently.js';

/** Which document a signer belongs to. The mapping never changes, so it is remembered. */
export interface SignerRoutes {
  /**
   * Looks in memory, then in Temporal's visibility, then (if asked to) at the provider.
   * @param onProgress called now and then while the provider is asked, one signer at a time
   */
  route(signerIds: readonly string[], options: RouteOptions): Promise<Routing>;
  /** A verified callback named the signer's document. */
  learn(signerId: string, documentId: string): void;
}

export interface RouteOptions {
  readonly askProvider: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (asked: number) => void;
}

export interface Routing {
  /** Signer ID to document ID. */
  readonly documents: ReadonlyMap<string, string>;
  /** Signer ID to the reason why it has no document. */
  readonly unrouted: ReadonlyMap<string, string>;
}

/** 100 bytes each: 20 MB at the most. */
const REMEMBERED = 200_000;

/** A query of this many IDs has 8 kB, and finds its documents in a fraction of a second. */
const IDS_PER_QUERY = 200;

/** Of one query: where visibility is away, a delivery waits no longer for it. */
const QUERY_DEADLINE_MS = 10_000;

/**
 * Of all deliveries together: the provider client has its own limit, and takes calls in order.
 * This one keeps its queue short, so that a document's own question has its turn soon. Each
 * delivery waits with as many, so that none waits for the end of a large one.
 */
const PROVIDER_CALLS = 8;

const NOT_YET_VISIBLE = 'no document is known to have this signer; the provider is asked next';
const UNKNOWN_TO_PROVIDER = 'the provider does not know this signer';

export function createSignerRoutes(client: Client, provider: ProviderClient): SignerRoutes {
  const remembered = new LRUCache<string, string>({ max: REMEMBERED });
  const unknown = new LRUCache<string, true>({ max: REMEMBERED });
  const turns = new PQueue({ concurrency: PROVIDER_CALLS });
  const getSigner: ProviderClient['getSigner'] = (id, options) =>
    turns.add(() => provider.getSigner(id, options));
  // Search attributes alone are asked for, and these are never encrypted.
  const lookUp = new Client(lookUpOptions(client));
  return {
    learn(signerId, documentId) {
      remembered.set(signerId, documentId);
    },
    async route(signerIds, { askProvider, signal, onProgress }) {
      const documents = new Map<string, string>();
      const unrouted = new Map<string, string>();
      const found = (signerId: string, documentId: string): void => {
        remembered.set(signerId, documentId);
        documents.set(signerId, documentId);
      };
      for (const id of new Set(signerIds)) {
        const documentId = remembered.get(id);
        if (documentId === undefined) unrouted.set(id, NOT_YET_VISIBLE);
        else documents.set(id, documentId);
      }
      const problem = await visibilityProblem(lookUp, unrouted, { signal, found });
      if (problem !== undefined) {
        // Asking the provider for thousands of signers that visibility knows would eat its quota.
        for (const id of unrouted.keys()) unrouted.set(id, problem);
      } else if (askProvider)
        await ask(getSigner, unrouted, { signal, onProgress, found, unknown });
      return { documents, unrouted };
    },
  };
}

type Found = (signerId: string, documentId: string) => void;

interface Looking {
  readonly signal: AbortSignal;
  readonly found: Found;
}

/** Visibility may be away: that is no reason to give up on the entries that need no look-up. */
async function visibilityProblem(
  client: Client,
  unrouted: Map<string, string>,
  looking: Looking,
): Promise<string | undefined> {
  try {
    await lookInVisibility(client, unrouted, looking);
    return undefined;
  } catch (error) {
    looking.signal.throwIfAborted();
    return `Temporal's visibility could not be asked: ${String(error)}`;
  }
}

async function lookInVisibility(
  client: Client,
  unrouted: Map<string, string>,
  { signal, found }: Looking,
): Promise<void> {
  const wanted = [...unrouted.keys()].filter((id) => ID_PATTERN.test(id));
  const askFor = async (ids: readonly string[]): Promise<void> => {
    const quoted = ids.map((id) => `'${id}'`).join(',');
    const query = `WorkflowType = '${WORKFLOW_TYPES.documentSigning}' AND SignerIds IN (${quoted})`;
    for await (const execution of client.workflow.list({ query, pageSize: IDS_PER_QUERY })) {
      const documentId = execution.workflowId.replace(/^document:/, '');
      for (const id of execution.typedSearchAttributes.get(SEARCH_ATTRIBUTES.signerIds) ?? []) {
        if (unrouted.delete(id)) found(id, documentId);
      }
    }
  };
  for (let start = 0; start < wanted.length; start += IDS_PER_QUERY) {
    signal.throwIfAborted();
    const ids = wanted.slice(start, start + IDS_PER_QUERY);
    await client.withDeadline(Date.now() + QUERY_DEADLINE_MS, () => askFor(ids));
  }
}

interface Asking extends Looking, Pick<RouteOptions, 'onProgress'> {
  /** Signers of whom the provider said before that it does not know them. */
  readonly unknown: LRUCache<string, true>;
}

async function ask(
  getSigner: ProviderClient['getSigner'],
  unrouted: Map<string, string>,
  { signal, onProgress, found, unknown }: Asking,
): Promise<void> {
  const queue = new PQueue({ concurrency: PROVIDER_CALLS });
  let asked = 0;
  const askOne = async (id: string): Promise<void> => {
    try {
      const signer = await askPatiently(() => getSigner(id, { signal }), signal);
      if (!signer) {
        unrouted.set(id, UNKNOWN_TO_PROVIDER);
        unknown.set(id, true);
      } else if (unrouted.delete(id)) {
        found(id, signer.documentId);
      }
    } catch (error) {
      signal.throwIfAborted();
      unrouted.set(id, reasonOf(error));
    }
    onProgress((asked += 1));
  };
  // Those that were unknown before come last: they must not use up the quota of the others.
  const ids = [...unrouted.keys()].sort((a, b) => Number(unknown.has(a)) - Number(unknown.has(b)));
  await queue.addAll(ids.map((id) => () => askOne(id)));
}

/** Few reasons for many signers: nothing of the single signer, whose entry is shown beside it. */
function reasonOf(error: unknown): string {
  if (!(error instanceof ProviderError)) return 'the provider could not be asked';
  const answered = error.status === undefined ? '' : `, answered ${error.status}`;
  return `the provider could not be asked: ${error.kind}${answered}`;
}
