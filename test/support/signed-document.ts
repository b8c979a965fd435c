import { createHash } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { freshId, pdfBytes } from './provider-stage.js';

/** A finished document as the provider would serve it. */
export interface SignedDocument {
  readonly documentId: string;
  readonly pdf: Buffer;
  readonly auditLog: Buffer;
  /** SHA-256 of the PDF, lower-case hex. */
  readonly hash: string;
  /** What is asked for so far, as `METHOD /path`. */
  readonly asked: string[];
  /** Serves the PDF and the audit log. */
  readonly listener: RequestListener;
}

/** A document with a PDF of the given size. */
export function signedDocument(bytes = 200_000): SignedDocument {
  const documentId = freshId();
  const pdf = pdfBytes(bytes, documentId);
  const auditLog = pdfBytes(20_000, `log ${documentId}`);
  const asked: string[] = [];
  const listener: RequestListener = (request, response) => {
    asked.push(`${request.method ?? ''} ${request.url ?? ''}`);
    if (request.url === `/api/v1/pdf/${documentId}/`) response.end(pdf);
    else if (request.url === `/api/v1/document/${documentId}/auditlog/`) response.end(auditLog);
    else response.writeHead(404).end();
  };
  const hash = createHash('sha256').update(pdf).digest('hex');
  return { documentId, pdf, auditLog, hash, asked, listener };
}
