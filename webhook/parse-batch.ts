/** The `all` callback: a list of changes in the order in which they happened. Pure. */
import { z } from 'zod';
import {
  documentStatusOf,
  signerStatusOf,
  type SetAsideEntry,
  type StatusChange,
} from '../workflows/contract.js';
import { MalformedError } from './errors.js';
import { parseJson } from './json.js';
import { parseResourceUri } from '../provider/resource-uri.js';
import { parseTimestamp } from './timestamp.js';

/** A batch as understood: every entry is in exactly one of the two lists. */
export interface Batch {
  readonly changes: readonly StatusChange[];
  readonly setAside: readonly SetAsideEntry[];
}

const Named = z.object({ name: z.string() });
const Entry = z.object({
  timestamp: z.string(),
  value: z.union([z.string().trim().min(1), z.number()]),
  resource_uri: z.string(),
});

/**
 * Verified bytes to changes. An entry that cannot be understood is set aside and stops no other.
 * @throws MalformedError where the whole is not a JSON list
 */
export function parseBatch(bytes: Buffer): Batch {
  const list = parseJson(bytes);
  if (!Array.isArray(list)) {
    throw new MalformedError('jsonMalformed', '`data` is not a list of changes');
  }
  const changes: StatusChange[] = [];
  const setAside: SetAsideEntry[] = [];
  list.forEach((entry: unknown, position) => {
    const read = readEntry(entry, position);
    if (typeof read === 'string') setAside.push({ reason: read, entry: showEntry(entry) });
    else changes.push(read);
  });
  return { changes, setAside };
}

/** The change that an entry tells of, or why it tells of none. */
function readEntry(entry: unknown, position: number): StatusChange | string {
  const named = Named.safeParse(entry);
  if (!named.success) return 'an entry without a name';
  if (named.data.name !== 'status') return 'an unknown name';
  const parsed = Entry.safeParse(entry);
  if (!parsed.success) return `${String(parsed.error.issues[0]?.path[0])} is missing or no text`;
  const { resource_uri: uri, timestamp, value } = parsed.data;
  const resource = parseResourceUri(uri);
  if (resource === undefined || resource.kind === 'group') return 'an unknown kind of resource';
  const at = parseTimestamp(timestamp);
  if (at === undefined) return 'an unreadable timestamp';
  return resource.kind === 'document'
    ? { subject: 'document', id: resource.id, status: documentStatusOf(value), at, position }
    : { subject: 'signer', id: resource.id, status: signerStatusOf(value), at, position };
}

/** Enough to recognise an entry by. */
const SHOWN_MAX_LENGTH = 300;

/** The entry for people to read: cut, and without anything that looks like an e-mail address. */
function showEntry(entry: unknown): string {
  return printed(entry)
    .replace(/[^\s"]+/g, (word) => (/@|%40/.test(word) ? '[e-mail]' : word))
    .slice(0, SHOWN_MAX_LENGTH);
}

function printed(entry: unknown): string {
  try {
    return JSON.stringify(entry);
  } catch {
    // Only nesting can make JSON that was parsed unprintable: the stack is not deep enough.
    return 'nested too deeply to show';
  }
}
