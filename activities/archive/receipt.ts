import { z } from 'zod';
import { OUTCOME_KINDS } from '../../workflows/contract.js';
import type { ArchiveReceipt, ReceiptSummary } from '../../workflows/contract.js';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const fileShape = z.object({
  // Nothing that means more in a path.
  name: z.string().regex(/^\w[\w.-]*$/),
  bytes: z.int().positive(),
  sha256,
});

/** Unknown fields, files and outcomes pass: a receipt of a later version is a receipt. */
const receiptShape = z
  .looseObject({
    documentId: z.string(),
    archivedAt: z.string(),
    erasedAt: z.string().optional(),
    outcome: z.enum(OUTCOME_KINDS).optional().catch(undefined),
    files: z.array(fileShape),
    providerHash: z.union([sha256, z.literal('')]),
    changes: z.array(z.looseObject({ id: z.string(), status: z.string() })),
    workflow: z.object({ workflowId: z.string(), firstExecutionRunId: z.string() }),
  })
  .refine(
    // A tombstone stands for a document that may never have been archived.
    ({ erasedAt, files, providerHash }) =>
      erasedAt !== undefined ||
      (providerHash !== '' && files.some(({ name }) => name === 'document.pdf')),
  );

/** What a workflow is told of a receipt. */
export function receiptSummary({ changes: _known, ...summary }: ArchiveReceipt): ReceiptSummary {
  return summary;
}

/** `receipt.json` as it is written: readable by people too. */
export function receiptText(receipt: ArchiveReceipt): string {
  return `${JSON.stringify(receipt, null, 2)}\n`;
}

/** The receipt in the text; undefined where it was cut off or is none. */
export function parseReceipt(text: string): ArchiveReceipt | undefined {
  try {
    const parsed = receiptShape.safeParse(JSON.parse(text) as unknown);
    return parsed.success ? (parsed.data as unknown as ArchiveReceipt) : undefined;
  } catch {
    // A text cut off by a crash or a full disk is the case this function is there to recognise.
    return undefined;
  }
}
