/** What the inbox may be given, said once more and strictly: nothing that is not named here. */
import { z } from 'zod';
import { ID_PATTERN } from '../../workflows/contract.js';

const id = z.string().regex(ID_PATTERN);
const iso = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$/);
const status = z.string().regex(/^([A-Za-z]{4,30}|unknown-[\w.-]{0,24})$/);
const group = z
  .string()
  .regex(/^[\w-]{1,255}$/)
  .optional();
const tag = z
  .string()
  .regex(/^[-\w[\]:;/., ]{1,250}$/)
  .optional();
const document = z.strictObject({ documentId: id, group, tag });
const change = z.strictObject({
  subject: z.enum(['document', 'signer']),
  id,
  status,
  at: iso,
  position: z.int().nonnegative(),
});
const setAside = z.strictObject({ reason: z.string().max(100), entry: z.string().max(300) });
const signer = z.strictObject({
  id,
  status,
  order: z.int().nonnegative().max(100_000).optional(),
  role: z
    .string()
    .regex(/^[a-z]{1,20}$/)
    .optional(),
});

/** A picture of a document, as callbacks and the provider's answers yield it. */
export const SnapshotShape = z.strictObject({
  documentId: id,
  status,
  finalPdf: z.boolean(),
  modified: iso.or(z.literal('')),
  hash: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  group,
  tag,
  signers: z.array(signer),
});

/** An `InboxMessage`. */
export const MessageShape = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('delivery'),
    digest: z.string().regex(/^[0-9a-f]{64}$/),
    input: z.strictObject({
      source: z.enum(['batch', 'realtime']),
      receivedAt: iso,
      changes: z.array(change),
      setAside: z.array(setAside),
      held: z.string().max(40).optional(),
    }),
  }),
  z.strictObject({
    kind: z.literal('report'),
    document,
    report: z.strictObject({
      source: z.literal('realtime'),
      changes: z.array(change),
      bounces: z.array(z.strictObject({ signerId: id, at: iso })).optional(),
      snapshot: SnapshotShape.optional(),
    }),
  }),
  z.strictObject({ kind: z.literal('notice'), document }),
  z.strictObject({ kind: z.literal('hint'), documentId: id, receivedAt: iso }),
]);
