/** The provider's listings of documents, page by page. Source: its public documentation. */
import { z } from 'zod';
import type { DocumentSnapshot } from '../workflows/contract.js';
import { documentSnapshot } from './document-snapshot.js';

/** Which listing, and which page of it. */
export type DocumentListingQuery = {
  readonly limit: number;
  readonly offset: number;
} & (
  | { readonly kind: 'cache' }
  | {
      readonly kind: 'groups';
      /** The group's slug. */
      readonly group: string;
      /** ISO 8601 UTC. */
      readonly modifiedSince?: string | undefined;
      readonly withArchived?: boolean | undefined;
    }
);

/** One page. */
export interface DocumentPage {
  readonly documents: readonly DocumentSnapshot[];
  /** Rows of which cannot be told which document they are, or what its status is. */
  readonly unreadable: number;
  readonly hasNext: boolean;
  readonly total?: number;
  /** When the provider answered, by its own clock: ISO 8601 UTC. */
  readonly providerTime?: string;
}

const count = z.coerce.number().int().nonnegative().optional().catch(undefined);
const pageShape = z.object({
  meta: z.object({ next: z.unknown().optional(), total_count: count }).optional().catch(undefined),
  objects: z.array(z.unknown()),
});

/** The query of a listing's page, in the provider's names. */
export function listingParameters(query: DocumentListingQuery): Record<string, string> {
  const page = { limit: String(query.limit), offset: String(query.offset) };
  if (query.kind === 'cache') return { cache: '1', ...page };
  const { group, modifiedSince, withArchived } = query;
  return {
    group,
    ...page,
    // Without a zone, as the provider prints its own times.
    ...(modifiedSince !== undefined && { modified_gt: modifiedSince.replace(/(\.\d+)?Z$/, '') }),
    ...(withArchived && { archived: 'all' }),
  };
}

/**
 * The page in an answer; undefined where it is none. Whether another one follows is for `next` to
 * say; where it is not there at all, the count says it.
 */
export function documentPage(
  json: unknown,
  { date, offset }: { readonly date: unknown; readonly offset: number },
): DocumentPage | undefined {
  const page = pageShape.safeParse(json).data;
  if (page === undefined) return undefined;
  const documents = page.objects.map((each) => documentSnapshot(each));
  const readable = documents.filter((each) => each !== undefined);
  const dateMs = typeof date === 'string' ? Date.parse(date) : NaN;
  const { next, total_count: total } = page.meta ?? {};
  const isMoreCounted = offset + documents.length < (total ?? 0);
  return {
    documents: readable,
    unreadable: documents.length - readable.length,
    hasNext: next === undefined ? isMoreCounted : next !== null && next !== '',
    ...(total !== undefined && { total }),
    ...(!Number.isNaN(dateMs) && { providerTime: new Date(dateMs).toISOString() }),
  };
}
