/** Listings that fail on purpose, or change while they are read. */
import { documentRequestOf } from './control-requests.js';
import { rowsOf, type DocumentQuery } from './document-listing.js';
import { UNPARSEABLE } from './faults.js';
import type { DocumentRecord } from './records.js';
import { badRequest, Refusal } from './refusal.js';
import type { SandboxCore } from './sandbox-core.js';
import { isOpen } from './signing-rules.js';

/** Only documents with this tag are archived while a listing is read: who sets it decides. */
const ARCHIVED_TAG = 'churn';
/** Another one, so that those that are created are not archived in their turn. */
const CREATED_TAG = 'churn-created';

/**
 * Refuses a page as the faults in force say.
 * @throws Refusal 400 where the account does not answer this listing; 500 where the page fails
 */
export function refuseListing({ faults }: SandboxCore, query: DocumentQuery): void {
  const { listings, failPages } = faults.current;
  const kind = query.cache === '1' ? 'cache' : 'groups';
  if (listings === 'cache' && kind !== listings) {
    throw badRequest('This account lists with cache=1 only.');
  }
  if (listings === 'groups' && kind !== listings) {
    throw badRequest('This account lists by group only, not with cache=1.');
  }
  if (failPages.includes(query.offset)) throw new Refusal(500, 'A page that fails', UNPARSEABLE);
}

/**
 * Changes the list after one of its pages was made. What is archived stood before the page's end,
 * so that the rows behind it move up; what is created comes to the front, and they move down.
 */
export function churnListing(
  core: SandboxCore,
  oldestFirst: readonly DocumentRecord[],
  query: DocumentQuery & { readonly rows?: number },
): void {
  const { churnArchive, churnCreate } = core.faults.current;
  if (churnArchive > 0) {
    const end = query.offset + rowsOf(oldestFirst, query).length;
    const served = oldestFirst.slice(Math.max(oldestFirst.length - end, 0)).reverse();
    const movable = served.filter((each) => each.tag === ARCHIVED_TAG && isOpen(each));
    for (const { id } of movable.slice(0, churnArchive)) core.desk.remove(id);
  }
  if (churnCreate === 0) return;
  const group = query.group ? { group: query.group } : {};
  const request = documentRequestOf({ ...group, tag: CREATED_TAG });
  for (let count = 0; count < churnCreate; count++) core.open(request);
}
