/** What the control interface takes: short requests in which everything has a default. */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { documentRequestSchema, type DocumentRequest } from './document-request.js';
import { badRequest } from './refusal.js';
import { accepted } from './request-body.js';
import { groupSlug, resourceUri } from './resources.js';

const simpleSignerSchema = z.strictObject({
  firstname: z.string().min(1).default('Sam'),
  lastname: z.string().min(1).default('Signer'),
  email: z.string().min(1).optional(),
  order: z.number().int().min(0).optional(),
  role: z.enum(['signer', 'approver', 'witness']).optional(),
});

const share = z.number().min(0).max(1);

/** A document in a few words. */
export const simpleDocumentSchema = z
  .strictObject({
    name: z.string().min(1).default('Agreement'),
    group: z.string().min(1).default('sandbox'),
    tag: z.string().default(''),
    tag1: z.string().default(''),
    tag2: z.string().default(''),
    signers: z
      .union([z.number().int().min(1).max(50), z.array(simpleSignerSchema).min(1)])
      .default(1),
    signersInOrder: z.boolean().default(true),
    autoArchive: z.boolean().default(true),
    /** The share of its callbacks that are never sent, from the first one on. */
    muted: share.default(0),
  })
  .prefault({});

/** More would not fit into memory. */
const DOCUMENTS_MAX = 500_000;

/** Many documents alike. */
export const manyDocumentsSchema = z.strictObject({
  count: z.number().int().min(1).max(DOCUMENTS_MAX),
  document: simpleDocumentSchema,
});

/** The share of a document's callbacks that are never sent: all, unless told. */
export const muteSchema = z.strictObject({ share: share.default(1) }).prefault({});

/** How many documents with losses are listed: all, unless told. */
export const lossesSchema = z
  .strictObject({ limit: z.coerce.number().int().min(0).optional() })
  .prefault({});

/** What a signer does next. */
export const stepSchema = z
  .strictObject({
    status: z.union([z.string(), z.number()]).optional(),
    reason: z.string().optional(),
  })
  .prefault({});

/** Whom a signer lets sign in their place. */
export const forwardSchema = z.strictObject({
  firstname: z.string().min(1).default('Fay'),
  lastname: z.string().min(1).default('Forwarded'),
  email: z.string().min(1),
});

/** A status, as a word or a number. */
export const statusSchema = z.strictObject({ status: z.union([z.string(), z.number()]) });
/** How a document is completed. */
export const completeSchema = z.strictObject({ visit: z.boolean().default(false) }).prefault({});
/** How mail bounces. */
export const bounceSchema = z
  .strictObject({ message: z.string().min(1).default('550 no such mailbox') })
  .prefault({});

/** A document in a few words; everything has a default. `signers` may be a mere number. */
export type SimpleDocument = z.input<typeof simpleDocumentSchema>;

/** What a signer does next: nothing said means the usual next step. */
export type SimpleStep = z.input<typeof stepSchema>;

const FIRST_NAMES = ['Ada', 'Grace', 'Alan', 'Edsger', 'Barbara', 'Donald', 'Frances', 'Ken'];

function standInSigners(count: number): z.output<typeof simpleSignerSchema>[] {
  return Array.from({ length: count }, (_, index) => ({
    firstname: FIRST_NAMES[index % FIRST_NAMES.length] ?? 'Sam',
    lastname: `Signer ${index + 1}`,
  }));
}

/**
 * A status number out of a word (`emailOpened`), a number or a numeric text.
 * @throws Refusal 400 where it is neither
 */
export function statusNumber(status: string | number, numberOf: (word: never) => number): number {
  const text = String(status);
  const isWord = /^[a-zA-Z]+$/.test(text);
  const number = isWord ? numberOf(text as never) : /^\d{1,9}$/.test(text) ? Number(text) : -1;
  if (number < 0) throw badRequest(`There is no status ${text}.`);
  return number;
}

/**
 * The full request for a document out of a short one.
 * @throws Refusal 400 where the provider would not take it either
 */
export function documentRequestOf(input: SimpleDocument | undefined): DocumentRequest {
  const simple = accepted(simpleDocumentSchema, input);
  const { signers, signersInOrder, autoArchive, group, ...rest } = simple;
  const people = typeof signers === 'number' ? standInSigners(signers) : signers;
  return accepted(documentRequestSchema, {
    ...rest,
    group: resourceUri('group', groupSlug(group)),
    signers: people.map(({ role, ...signer }) => ({
      ...signer,
      ...(role !== 'signer' && { role }),
      email: signer.email ?? `${randomUUID().slice(0, 8)}@example.com`,
    })),
    signers_in_order: signersInOrder,
    auto_archive: autoArchive,
    do_email: true,
    templatepdf: '/api/v1/templatepdf/sandbox/',
  });
}
