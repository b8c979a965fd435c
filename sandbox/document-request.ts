/** `POST /document/` as the provider takes it, and the document that comes of it. */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { DOCUMENT_STATUSES, SIGNER_STATUSES } from '../workflows/statuses.js';
import type { DocumentRecord, SignerRecord } from './records.js';
import { groupSlug } from './resources.js';

const REQUIRED = 'This field is required.';

function text(maxLength: number): z.ZodString {
  return z
    .string({ error: ({ input }) => (input === undefined ? REQUIRED : 'Enter text.') })
    .max(maxLength, `Ensure this value has at most ${maxLength} characters.`);
}

const tag = z
  .string()
  .regex(/^[-\w[\]:;/., _]{0,250}$/, 'Enter a valid value.')
  .default('');

/** The provider asks for word characters only at the beginning of a name. */
const personName = text(60).regex(/^[-\p{L}\p{M}\p{N}_' ]/u, 'Enter a valid value.');

const signerSchema = z.object({
  firstname: personName,
  lastname: personName,
  email: text(75).regex(/^[^\s@]+@[^\s@]+$/, 'Enter a valid email address.'),
  order: z.number().int().min(0).optional(),
  // Whoever is neither of these is a signer.
  role: z.enum(['witness', 'approver']).optional(),
  sms: z.string().default(''),
});

const group = text(100)
  .regex(/^\/api\/v1\/group\/[-\w]{1,50}\/$/, 'Enter a resource URI: /api/v1/group/<slug>/.')
  .transform(groupSlug);

function templateUri(kind: 'template' | 'templatepdf'): z.ZodString {
  const uri = new RegExp(`^/api/v1/${kind}/[-\\w]{1,60}/$`);
  return text(100).regex(uri, `Enter a resource URI: /api/v1/${kind}/<id>/.`);
}

/**
 * The present description wants `templatepdf`, yet says beside the outdated `template` that one of
 * these will do. `text`, an agreement in HTML, is the older documented way: still taken alone.
 */
const CONTENT_FIELDS = ['text', 'templatepdf', 'template'] as const;

/** Fields that are only kept to be shown again. */
const echoedSchema = z.object({
  cc_emails: z.string().default(''),
  pdftext: z.unknown().optional(),
  redirect: text(250)
    .regex(/^https:\/\//, 'Enter a URL that begins with https://.')
    .default(''),
  return_signer_links: z.boolean().default(false),
  template: templateUri('template').optional(),
  templatepdf: templateUri('templatepdf').optional(),
  text: z.string().optional(),
  user: z.string().default('/api/v1/user/sandbox/'),
});

/** The body of `POST /document/`. Fields that do not matter here are passed over. */
export const documentRequestSchema = echoedSchema
  .extend({
    group,
    name: text(60).min(1, REQUIRED),
    signers: z
      .array(signerSchema, { error: REQUIRED })
      .min(1, 'A document needs at least one signer.'),
    tag,
    tag1: tag,
    tag2: tag,
    auto_archive: z.boolean().default(true),
    do_email: z.boolean().default(false),
    signers_in_order: z.union([z.boolean(), z.literal(0), z.literal(1)]).default(true),
  })
  .refine((body) => CONTENT_FIELDS.some((field) => body[field]), {
    path: ['templatepdf'],
    message: 'One of text, templatepdf or template is required.',
  });

/** A valid request for a document. */
export type DocumentRequest = z.infer<typeof documentRequestSchema>;

/** The reasons for a 400, by field, as the provider lists them: `{document: {name: […]}}`. */
export function documentProblems(error: z.ZodError): { document: Record<string, string[]> } {
  const fields: Record<string, string[]> = {};
  for (const { path, message } of error.issues) {
    const [field = '__all__', ...inner] = path.map(String);
    (fields[field] ??= []).push([...inner, message].join(': '));
  }
  return { document: fields };
}

function newSigner(
  request: DocumentRequest['signers'][number],
  index: number,
  documentId: string,
  now: number,
): SignerRecord {
  return {
    id: randomUUID(),
    documentId,
    firstname: request.firstname,
    lastname: request.lastname,
    email: request.email,
    sms: request.sms,
    order: request.order ?? index,
    role: request.role ?? 'signer',
    status: SIGNER_STATUSES.unsent,
    statusAt: now,
    rejectionReason: null,
    bounce: null,
    reminders: [],
    earlier: [],
    told: null,
  };
}

/** Under the provider's names; what was not given is shown as null. */
function echoedFields(request: DocumentRequest): DocumentRecord['echoed'] {
  const names = echoedSchema.keyof().options;
  return Object.fromEntries(names.map((name) => [name, request[name] ?? null]));
}

/**
 * A new document, not sent to anybody yet.
 * @param muted the share of its callbacks that are never sent
 */
export function newDocument(request: DocumentRequest, now: number, muted = 0): DocumentRecord {
  const id = randomUUID();
  return {
    id,
    group: request.group,
    name: request.name,
    tag: request.tag,
    tag1: request.tag1,
    tag2: request.tag2,
    status: DOCUMENT_STATUSES.created,
    archived: false,
    autoArchive: request.auto_archive,
    doEmail: request.do_email,
    signersInOrder: Boolean(request.signers_in_order),
    created: now,
    modified: now,
    signTime: null,
    hash: null,
    echoed: echoedFields(request),
    signers: request.signers.map((signer, index) => newSigner(signer, index, id, now)),
    history: [],
    told: null,
    muted,
  };
}
