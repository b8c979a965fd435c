/**
 * The `realtime` callback. Liberal: what is missing or of another type than documented counts as
 * not said; only what is said is believed. Names and e-mail addresses are not read at all. Pure.
 */
import { z } from 'zod';
import {
  documentStatusOf,
  signerStatusOf,
  type DocumentStatus,
  type SetAsideEntry,
  type SignerSnapshot,
  type SignerStatus,
  type StatusChange,
  type StatusReport,
} from '../workflows/contract.js';
import { MalformedError } from './errors.js';
import { parseJson } from './json.js';
import { idOf } from '../provider/resource-uri.js';
import { readLabels, type NamedDocument } from './named-document.js';
import { showEntry } from './show-entry.js';
import { checkTime, parseAnyTime, type CheckedTime } from './timestamp.js';

/** What a realtime callback says. */
export type RealtimeNews =
  | {
      readonly kind: 'report';
      readonly document: NamedDocument;
      readonly report: StatusReport;
    }
  /** Of a document, at a time that cannot be believed: it is to be asked for. */
  | { readonly kind: 'notice'; readonly document: NamedDocument }
  /** A signer whose document is not named: it has to be routed. */
  | { readonly kind: 'unrouted'; readonly change: StatusChange }
  /** The same, at a time that cannot be believed; a bounce of it; or news of nobody knows whom. */
  | { readonly kind: 'setAside'; readonly entry: SetAsideEntry }
  /** Nothing that changes a status. */
  | { readonly kind: 'ignored' };

const text = z.string().optional().catch(undefined);
const digits = z
  .string()
  .trim()
  .regex(/^-?\d+$/);
const status = z.union([z.number(), digits]).optional().catch(undefined);

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
  recipients: z.array(Recipient.catch({})).default([]).catch([]),
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

/** No status, as a rule, and yet news of a signer. */
const BOUNCED = 'recipient.bounced';

const IGNORED: RealtimeNews = { kind: 'ignored' };

/**
 * Verified bytes to news.
 * @param nowMs since 1970: a `created` well after it is not believed
 * @throws MalformedError where it is not a JSON object
 */
export function parseRealtime(bytes: Buffer, nowMs: number): RealtimeNews {
  const envelope = Envelope.safeParse(parseJson(bytes));
  if (!envelope.success) throw new MalformedError('jsonMalformed', 'the body is not an object');
  const { object, event, created, data } = envelope.data;
  if (object !== 'document' && object !== 'recipient') return IGNORED;
  const time = checkTime(parseAnyTime(created), nowMs);
  const said = Data.safeParse(data).data ?? Data.parse({});
  const news = object === 'document' ? readDocument : readRecipient;
  return news(event, time, said, created);
}

function readDocument(
  event: string,
  { at }: CheckedTime,
  data: Data,
  created: unknown,
): RealtimeNews {
  const documentId = idOf('document', data.uuid) ?? idOf('document', data.resourceUri);
  const word = documentStatusBy(event, data);
  if (word === undefined) return IGNORED;
  if (documentId === undefined) return ofNobodyKnown({ event, created, data, status: word });
  const labels = labelsOf(data);
  const document = { documentId, ...labels };
  if (at === undefined) return { kind: 'notice', document };
  return {
    kind: 'report',
    document,
    report: {
      source: 'realtime',
      changes: [{ subject: 'document', id: documentId, status: word, at, position: 0 }],
      snapshot: {
        documentId,
        // The event's word, not the field beside it: a picture must not contradict its own news.
        status: word,
        finalPdf: event === 'document.finalPdfCreated',
        modified: at,
        ...labels,
        signers: data.recipients.flatMap(readSigner),
      },
    },
  };
}

function documentStatusBy(event: string, data: Data): DocumentStatus | undefined {
  const byEvent = DOCUMENT_EVENTS.get(event);
  if (byEvent !== undefined) return byEvent;
  if (data.status !== undefined) return documentStatusOf(data.status);
  return event === 'document.created' ? 'created' : undefined;
}

function readRecipient(
  event: string,
  { at, problem }: CheckedTime,
  data: Data,
  created: unknown,
): RealtimeNews {
  const id = idOf('signer', data.uuid) ?? idOf('signer', data.resourceUri);
  const word =
    data.status === undefined ? RECIPIENT_EVENTS.get(event) : signerStatusOf(data.status);
  const isBounce = event === BOUNCED;
  if (word === undefined && !isBounce) return IGNORED;
  const documentId = idOf('document', data.documentResourceUri) ?? idOf('document', data.document);
  const document = documentId === undefined ? undefined : { documentId, ...labelsOf(data) };
  if (document !== undefined && (at === undefined || id === undefined)) {
    return { kind: 'notice', document };
  }
  if (id === undefined) return ofNobodyKnown({ event, created, data, status: word });
  if (at === undefined) {
    const entry = showEntry({ event, created, signer: id, status: word });
    return { kind: 'setAside', entry: { reason: problem, entry } };
  }
  const known = { subject: 'signer', id, at, position: 0 } as const;
  const change: StatusChange | undefined = word && { ...known, status: word };
  if (document !== undefined) {
    const bounces = isBounce ? { bounces: [{ signerId: id, at }] } : {};
    const report: StatusReport = {
      source: 'realtime',
      changes: change ? [change] : [],
      ...bounces,
    };
    return { kind: 'report', document, report };
  }
  if (change !== undefined && !isBounce) return { kind: 'unrouted', change };
  const entry = showEntry({ event, created, signer: id });
  return { kind: 'setAside', entry: { reason: 'a bounce without its document', entry } };
}

interface OfNobody {
  readonly event: string;
  readonly created: unknown;
  readonly data: Data;
  readonly status: string | undefined;
}

/** It tells a status, and nothing that it says names whose: people are to see it. */
function ofNobodyKnown({ event, created, data, status: word }: OfNobody): RealtimeNews {
  const { uuid, resourceUri } = data;
  const entry = showEntry({ event, created, uuid, resourceUri, status: word });
  return { kind: 'setAside', entry: { reason: 'no readable ID', entry } };
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

function labelsOf(data: Data): Omit<NamedDocument, 'documentId'> {
  return readLabels([data.groupResourceUri, data.group], data.tag);
}
