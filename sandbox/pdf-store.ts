import { mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { writeFileAtomically } from './atomic-file.js';

/** Where final PDFs are kept once they exist, by the document's ID. */
export interface PdfStore {
  write(documentId: string, bytes: Uint8Array): Promise<void>;
  read(documentId: string): Promise<Buffer>;
  delete(documentId: string): Promise<void>;
}

/** Keeps PDFs as long as the process runs. */
export function createPdfMemory(): PdfStore {
  const files = new Map<string, Buffer>();
  return {
    async write(documentId, bytes) {
      files.set(documentId, Buffer.from(bytes));
      return Promise.resolve();
    },
    async read(documentId) {
      const bytes = files.get(documentId);
      return bytes ? Promise.resolve(bytes) : Promise.reject(new Error('There is no such PDF.'));
    },
    async delete(documentId) {
      files.delete(documentId);
      return Promise.resolve();
    },
  };
}

/** Keeps PDFs as files of a directory, which is made if need be. */
export async function openPdfDirectory(directory: string): Promise<PdfStore> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const fileOf = (documentId: string): string => path.join(directory, `${documentId}.pdf`);
  return {
    write: (documentId, bytes) => writeFileAtomically(fileOf(documentId), bytes),
    read: (documentId) => readFile(fileOf(documentId)),
    delete: (documentId) => rm(fileOf(documentId), { force: true }),
  };
}
