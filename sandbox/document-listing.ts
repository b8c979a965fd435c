/** Pages of documents. Pure. */
import { z } from 'zod';
import type { DocumentRecord } from './records.js';
import { groupSlug } from './resources.js';

const DEFAULT_LIMIT = 20;
/** As much as one page holds; `limit=0` asks for it. */
const MAX_LIMIT = 1000;

const whole = z
  .string()
  .regex(/^\d{1,9}$/, 'Enter a whole number.')
  .transform(Number);
/** Without a zone it means UTC. */
const moment = z.string().transform((text, context) => {
  const at = Date.parse(
    /(Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}${text.includes('T') ? 'Z' : ''}`,
  );
  if (Number.isNaN(at)) context.addIssue('Enter a valid date/time.');
  return at;
});

const pageSchema = z.object({ limit: whole.default(DEFAULT_LIMIT), offset: whole.default(0) });
const archivedSchema = z
  .string()
  .transform((word) => word.toLowerCase())
  .pipe(z.enum(['true', 'false', '1', '0', 'all']))
  .default('false');

/** The query of `GET /document/`. */
export const documentQuerySchema = pageSchema
  .extend({
    cache: z.string().optional(),
    group: z.string().optional(),
    archived: archivedSchema,
    email: z.string().optional(),
    status: z
      .string()
      .regex(/^\d{1,9}$/, 'Invalid status value')
      .transform(Number)
      .optional(),
    nosigners: z.string().optional(),
    created_gt: moment.optional(),
    modified_gt: moment.optional(),
  })
  .refine(({ cache, group }) => cache === '1' || Boolean(group), {
    path: ['group'],
    message: 'This parameter is required.',
  });

/** The query of `GET /status/`. */
export const statusQuerySchema = pageSchema.extend({
  filter: archivedSchema,
  archived: archivedSchema.optional(),
});

/** A valid query of `GET /document/`. */
export type DocumentQuery = z.infer<typeof documentQuerySchema>;
type Archived = z.infer<typeof archivedSchema>;

/** Whether an archived (or other) document belongs into a listing that asks so. */
export function archivedMatches(document: DocumentRecord, asked: Archived): boolean {
  if (asked === 'all') return true;
  return document.archived === (asked === 'true' || asked === '1');
}

/**
 * Which documents belong into a listing. `cache=1` lists all that are outstanding, which is: not
 * archived, unless asked for otherwise.
 */
export function wantedBy(query: DocumentQuery): (document: DocumentRecord) => boolean {
  const { archived, email, status, created_gt: created, modified_gt: modified } = query;
  const group = query.group ? groupSlug(query.group) : undefined;
  return (document) =>
    archivedMatches(document, archived) &&
    (group === undefined || document.group === group) &&
    (!email || document.signers.some((signer) => signer.email === email)) &&
    (status === undefined || document.status === status) &&
    (created === undefined || document.created > created) &&
    (modified === undefined || document.modified > modified);
}

/** The same for queries that ask for pages of the same listing. */
export function listingKey(query: DocumentQuery): string {
  const { group, archived, email, status, created_gt: created, modified_gt: modified } = query;
  return JSON.stringify({ group, archived, email, status, created, modified });
}

interface Page {
  readonly meta: Readonly<Record<string, unknown>>;
  readonly objects: readonly unknown[];
}

interface Asked {
  readonly limit: number;
  readonly offset: number;
  /** So many rows to a page, whatever is asked for. */
  readonly rows?: number | undefined;
  /** Counted in all, whatever there are. */
  readonly total?: number | undefined;
}

/** How many one page holds at most. */
function pageSize({ limit, rows }: Asked): number {
  if (rows !== undefined) return rows;
  return limit === 0 ? MAX_LIMIT : Math.min(limit, MAX_LIMIT);
}

/** The rows of one page, the newest first; only they are copied, however many there are. */
export function rowsOf<T>(oldestFirst: readonly T[], asked: Asked): T[] {
  const end = Math.max(oldestFirst.length - asked.offset, 0);
  return oldestFirst.slice(Math.max(end - pageSize(asked), 0), end).reverse();
}

/** One page, with the way to its neighbours. */
export function page<T>(
  oldestFirst: readonly T[],
  asked: Asked,
  url: { readonly pathname: string; readonly searchParams: URLSearchParams },
  show: (item: T) => unknown,
): Page {
  const { offset } = asked;
  const limit = pageSize(asked);
  const count = oldestFirst.length;
  const linkTo = (to: number): string => {
    const query = new URLSearchParams(url.searchParams);
    query.set('limit', String(limit));
    query.set('offset', String(to));
    return `${url.pathname}?${query.toString()}`;
  };
  return {
    meta: {
      limit,
      next: offset + limit < count ? linkTo(offset + limit) : null,
      offset,
      previous: offset > 0 ? linkTo(Math.max(offset - limit, 0)) : null,
      total_count: asked.total ?? count,
    },
    objects: rowsOf(oldestFirst, asked).map(show),
  };
}
