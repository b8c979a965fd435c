/** What the sandbox remembers. Schemas, since the same shapes come back from its state file. */
import { z } from 'zod';

const roles = ['signer', 'approver', 'witness'] as const;

const changeSchema = z.object({
  /** Milliseconds since 1970, strictly growing within one document. */
  at: z.number(),
  subject: z.enum(['document', 'signer']),
  /** The document's or the signer's ID. */
  id: z.string(),
  /** The provider's number. */
  status: z.number(),
  note: z.string(),
});

/** A status that a document or signer took on: the entry of a document's history. */
export type Change = z.infer<typeof changeSchema>;

const toldSchema = z.object({
  /** The change's `at`. */
  at: z.number(),
  status: z.number(),
});

/** The newest status that a callback told to a receiver who took it. */
export type Told = z.infer<typeof toldSchema>;

const personSchema = z.object({
  firstname: z.string(),
  lastname: z.string(),
  email: z.string(),
});

/** Somebody who can sign. */
export type Person = z.infer<typeof personSchema>;

const signerSchema = personSchema.extend({
  id: z.string(),
  documentId: z.string(),
  sms: z.string(),
  /** From 0. Those of one order sign in parallel. */
  order: z.number(),
  role: z.enum(roles),
  status: z.number(),
  statusAt: z.number(),
  rejectionReason: z.string().nullable(),
  /** The bounce message, where mail to this signer bounced. */
  bounce: z.string().nullable(),
  /** Texts of the reminders sent to this signer. */
  reminders: z.array(z.string()).default([]),
  /** Who had this place before it was forwarded, the first one first. */
  earlier: z.array(personSchema).default([]),
  /** Null as long as no callback told anything of this signer. */
  told: toldSchema.nullable().default(null),
});

/** A signer of one document. */
export type SignerRecord = z.infer<typeof signerSchema>;

const documentSchema = z.object({
  id: z.string(),
  /** The group's slug. */
  group: z.string(),
  name: z.string(),
  tag: z.string(),
  tag1: z.string(),
  tag2: z.string(),
  status: z.number(),
  archived: z.boolean(),
  autoArchive: z.boolean(),
  doEmail: z.boolean(),
  signersInOrder: z.boolean(),
  created: z.number(),
  modified: z.number(),
  /** When the last signer signed. */
  signTime: z.number().nullable(),
  /** SHA-256 of the final PDF in hex; null until it exists. */
  hash: z.string().nullable(),
  /** Fields of the creating request that are only echoed, under the provider's names. */
  echoed: z.record(z.string(), z.unknown()),
  signers: z.array(signerSchema),
  history: z.array(changeSchema),
  /** Null as long as no callback told this document's own status. */
  told: toldSchema.nullable().default(null),
  /** The share of its callbacks that are never sent. */
  muted: z.number().default(0),
});

/** A document with its signers and everything that ever happened to them. */
export type DocumentRecord = z.infer<typeof documentSchema>;

/** The values of `notify` when subscribing, with the numbers under which they are listed. */
export const NOTIFY_NUMBERS = { all: 1, signed: 2, sent: 3, rejected: 4, realtime: 10 } as const;

/** A kind of callback. */
export type NotifyKind = keyof typeof NOTIFY_NUMBERS;

const subscriptionSchema = z.object({
  id: z.string(),
  url: z.string(),
  notify: z.enum(Object.keys(NOTIFY_NUMBERS) as [NotifyKind, ...NotifyKind[]]),
  /** Of realtime callbacks: an event, `document.*`, `recipient.*`, or empty for all. */
  eventFilter: z.string(),
  /** Slug of the only group of interest. */
  group: z.string().nullable(),
  /** An inactive one is listed, and gets nothing. */
  active: z.boolean().default(true),
});

/** A registered callback URL. */
export type SubscriptionRecord = z.infer<typeof subscriptionSchema>;

const batchEntrySchema = z.object({
  timestamp: z.string(),
  name: z.string(),
  value: z.string(),
  resource_uri: z.string(),
});

const pendingEntrySchema = batchEntrySchema.extend({
  /** Of the change in the history. An earlier version did not keep these two. */
  at: z.number().default(0),
  /** The document's or the signer's ID. */
  id: z.string().default(''),
});

/** A batch's entry that waits for the next batch. */
export type PendingEntry = z.infer<typeof pendingEntrySchema>;

/** Everything that survives a restart, PDFs apart. */
export const snapshotSchema = z.object({
  version: z.literal(1),
  documents: z.array(documentSchema),
  subscriptions: z.array(subscriptionSchema),
  /** Slugs in order of their first appearance: the place is the group's number. */
  groups: z.array(z.string()),
  /** Changes not yet sent, by the subscription's ID. */
  pending: z.record(z.string(), z.array(pendingEntrySchema)),
});

/** Everything that survives a restart, PDFs apart. */
export type Snapshot = z.infer<typeof snapshotSchema>;
