/** The `all` callback: a list of changes in the order in which they happened. Pure. */
import { z } from 'zod';
import {
  documentStatusOf,
  signerStatusOf,
  type SetAsideEntry,
  type StatusChange,
} from '../workflows/contract.js';
import { MalformedError, TooLargeError } from './errors.js';
import { parseJson } from './json.js';
import { parseResourceUri } from '../provider/resource-uri.js';
import { showEntry } from './show-entry.js';
import { checkTime, parseTimestamp, type CheckedTime } from './timestamp.js';

/** A batch as understood: every entry is in exactly one of the two lists. */
export interface Batch {
  readonly changes: readonly StatusChange[];
  readonly setAside: readonly SetAsideEntry[];
}

const Entry = z.object({
  timestamp: z.string(),
  value: z.union([z.string().trim().min(1), z.number()]),
  resource_uri: z.string(),
});

/** Far above any genuine batch; more would keep the process from everything else for too long. */
const MAX_ENTRIES = 200_000;

/**
 * Verified bytes to changes. An entry that cannot be understood is set aside and stops no other.
 * @param nowMs since 1970: what lies well after it is set aside
 * @throws MalformedError where the whole is not a JSON list, TooLargeError where it is too long
 */
export function parseBatch(bytes: Buffer, nowMs: number): Batch {
  const list = parseJson(bytes);
  if (!Array.isArray(list)) {
    throw new MalformedError('jsonMalformed', '`data` is not a list of changes');
  }
  if (list.length > MAX_ENTRIES) {
    throw new TooLargeError('tooManyEntries', `\`data\` has more than ${MAX_ENTRIES} entries`);
  }
  const changes: StatusChange[] = [];
  const setAside: SetAsideEntry[] = [];
  const timeOf = timesRead(nowMs);
  list.forEach((entry: unknown, position) => {
    const read = readEntry(entry, position, timeOf);
    if (typeof read === 'string') setAside.push({ reason: read, entry: showEntry(entry) });
    else changes.push(read);
  });
  return { changes, setAside };
}

type TimeOf = (timestamp: string) => CheckedTime;

/** Of the thousands of entries of a batch many share a second. */
function timesRead(nowMs: number): TimeOf {
  const known = new Map<string, CheckedTime>();
  return (timestamp) => {
    const seen = known.get(timestamp);
    if (seen !== undefined) return seen;
    const read = checkTime(parseTimestamp(timestamp), nowMs);
    known.set(timestamp, read);
    return read;
  };
}

/** The change that an entry tells of, or why it tells of none. */
function readEntry(entry: unknown, position: number, timeOf: TimeOf): StatusChange | string {
  const name = nameOf(entry);
  if (name === undefined) return 'an entry without a name';
  if (name !== 'status') return 'an unknown name';
  const parsed = Entry.safeParse(entry);
  if (!parsed.success) return `${String(parsed.error.issues[0]?.path[0])} is missing or no text`;
  const { resource_uri: uri, timestamp, value } = parsed.data;
  const resource = parseResourceUri(uri);
  if (resource === undefined || resource.kind === 'group') return 'an unknown kind of resource';
  const { at, problem } = timeOf(timestamp);
  if (at === undefined) return problem;
  return resource.kind === 'document'
    ? { subject: 'document', id: resource.id, status: documentStatusOf(value), at, position }
    : { subject: 'signer', id: resource.id, status: signerStatusOf(value), at, position };
}

/** Asked before the schema is, which takes ten times as long to say what is no entry at all. */
function nameOf(entry: unknown): string | undefined {
  if (typeof entry !== 'object' || entry === null || !('name' in entry)) return undefined;
  return typeof entry.name === 'string' ? entry.name : undefined;
}
