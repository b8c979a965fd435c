import { FAILURE_TYPES } from '../workflows/contract.js';
import { retryable } from './failures.js';

/** How every PDF begins (ISO 32000-1, 7.5.2) ... */
const PDF_HEADER = '%PDF-';

/** ... give or take what readers skip before it (annex H.3, note 13). */
const HEADER_WITHIN_BYTES = 1024;

function hasHeader(start: Buffer): boolean {
  return start.subarray(0, HEADER_WITHIN_BYTES).includes(PDF_HEADER);
}

function requirePdf(start: Buffer): void {
  if (hasHeader(start)) return;
  const what = start.length === 0 ? 'an empty file' : 'something that is no PDF';
  throw retryable(FAILURE_TYPES.notFinalYet, `The provider gave ${what} instead of the PDF.`);
}

/**
 * Passes a PDF's bytes on.
 * @throws ApplicationFailure `NotFinalYet`, before any byte is passed on, where it is empty or no
 *   PDF: what the provider gives for a document that is not final is not documented
 */
export async function* pdfChunks(content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let start: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of content) {
    if (start === undefined) {
      yield chunk;
      continue;
    }
    start = Buffer.concat([start, chunk]);
    if (start.length < HEADER_WITHIN_BYTES && !hasHeader(start)) continue;
    requirePdf(start);
    yield start;
    start = undefined;
  }
  if (start !== undefined) requirePdf(start);
}
