/**
 * The `realtime` callback. Liberal: what is missing or of another type than documented counts as
 * not said; only what is said is believed. Names and e-mail addresses are not read at all. Pure.
 */
import { z } from 'zod';
import {
  documentStatusOf,
  signerStatusOf,
  type DocumentSnapshot,
  type DocumentStatus,
  type SignerSnapshot,
  type SignerStatus,
  type StatusChange,
  type StatusReport,
} from '../workflows/contract.js';
import { MalformedError } from './errors.js';
import { parseJson } from './json.js';
import { groupSlugOf, idOf, tagOf } from '../provider/resource-uri.js';
import { isoFromSeconds } from './timestamp.js';

/** What a realtime callback says. */
export type RealtimeNews =
  | {
      readonly kind: 'report';
      readonly documentId: string;
      readonly report: StatusReport;
      readonly group?: string;
      readonly tag?: string;
    }
  /** A signer whose document is not named: it has to be routed. */
  | { readonly kind: 'unrouted'; readonly change: StatusChange }
  /** Nothing that changes a status. */
  | { readonly kind: 'ignored' };

const text = z.string().optional().catch(undefined);
const numeric = z.union([
  z.number(),
  z
    .string()
    .trim()
    .regex(/^-?\d+$/),
]);
const status = numeric.optional().catch(undefined);

const Recipient = z.object({
  uuid: text,
  resourceUri: text,
  status,
  order: z.coerce.number().int().positive().max(100_000).optional().catch(undefined),
  roleText: text,
});
const Data = z.object({
  ...Recipient.shape,
  document: text,
  documentResourceUri: text,
  group: text,
  groupResourceUri: text,
  tag: text,
  recipients: z.array(Recipient.catch({})).catch([]),
});
type Data = z.infer<typeof Data>;
const Envelope = z.object({
  object: text,
  event: z.string().catch(''),
  created: z.unknown().optional(),
  data: z.unknown().optional(),
});

const DOCUMENT_EVENTS: ReadonlyMap<string, DocumentStatus> = new Map([
  ['document.rejected', 'rejected'],
  ['document.finalPdfCreated', 'finalised'],
]);
const RECIPIENT_EVENTS: ReadonlyMap<string, SignerStatus> = new Map([
  ['recipient.completed', 'signed'],
  ['recipient.rejected', 'rejected'],
  ['recipient.emailOpened', 'emailOpened'],
  ['recipient.visiting', 'visited'],
]);

const IGNORED: RealtimeNews = { kind: 'ignored' };

/**
 * Verified bytes to news.
 * @throws MalformedError where it is not a JSON object, or one of a known kind without a usable
 *   `created`
 */
export function parseRealtime(bytes: Buffer): RealtimeNews {
  const envelope = Envelope.safeParse(parseJson(bytes));
  if (!envelope.success) throw new MalformedError('jsonMalformed', 'the body is not an object');
  const { object, event, created, data } = envelope.data;
  if (object !== 'document' && object !== 'recipient') return IGNORED;
  const at = parseCreated(created);
  const parsed = Data.safeParse(data);
  if (!parsed.success) return IGNORED;
  return object === 'document'
    ? readDocument(event, at, parsed.data)
    : readRecipient(event, at, parsed.data);
}

function parseCreated(created: unknown): string {
  const seconds = numeric.safeParse(created);
  const at = seconds.success ? isoFromSeconds(Number(seconds.data)) : undefined;
  if (at !== undefined) return at;
  throw new MalformedError('fieldMalformed', '`created` is not a time in whole seconds');
}

function readDocument(event: string, at: string, data: Data): RealtimeNews {
  const documentId = idOf('document', data.uuid) ?? idOf('document', data.resourceUri);
  const word = documentStatusBy(event, data);
  if (documentId === undefined || word === undefined) return IGNORED;
  return {
    kind: 'report',
    documentId,
    report: {
      source: 'realtime',
      changes: [{ subject: 'document', id: documentId, status: word, at, position: 0 }],
      snapshot: {
        documentId,
        // The event's word, not the field beside it: a picture must not contradict its own news.
        status: word,
        finalPdf: event === 'document.finalPdfCreated',
        modified: at,
        ...labelsOf(data),
        signers: data.recipients.flatMap(readSigner),
      },
    },
    ...labelsOf(data),
  };
}

function documentStatusBy(event: string, data: Data): DocumentStatus | undefined {
  const byEvent = DOCUMENT_EVENTS.get(event);
  if (byEvent !== undefined) return byEvent;
  if (data.status !== undefined) return documentStatusOf(data.status);
  return event === 'document.created' ? 'created' : undefined;
}

function readRecipient(event: string, at: string, data: Data): RealtimeNews {
  const id = idOf('signer', data.uuid) ?? idOf('signer', data.resourceUri);
  const word =
    data.status === undefined ? RECIPIENT_EVENTS.get(event) : signerStatusOf(data.status);
  if (id === undefined || word === undefined) return IGNORED;
  const change: StatusChange = { subject: 'signer', id, status: word, at, position: 0 };
  const documentId = idOf('document', data.documentResourceUri) ?? idOf('document', data.document);
  if (documentId === undefined) return { kind: 'unrouted', change };
  const report: StatusReport = { source: 'realtime', changes: [change] };
  return { kind: 'report', documentId, report, ...labelsOf(data) };
}

function readSigner(recipient: z.infer<typeof Recipient>): SignerSnapshot[] {
  const id = idOf('signer', recipient.uuid) ?? idOf('signer', recipient.resourceUri);
  if (id === undefined || recipient.status === undefined) return [];
  const { order, roleText } = recipient;
  const role = roleText?.trim().toLowerCase();
  return [
    {
      id,
      status: signerStatusOf(recipient.status),
      ...(order !== undefined && { order }),
      // One word: a name that strayed into the field is not kept.
      ...(role !== undefined && /^[a-z]{1,20}$/.test(role) && { role }),
    },
  ];
}

function labelsOf(data: Data): Pick<DocumentSnapshot, 'group' | 'tag'> {
  const group = groupSlugOf(data.groupResourceUri) ?? groupSlugOf(data.group);
  const tag = tagOf(data.tag);
  return { ...(group !== undefined && { group }), ...(tag !== undefined && { tag }) };
}
