/** The archive verified for somebody who looks on. */
import { flawText, openArchive, verifyArchive } from '../activities/index.js';
import type { Archive, DocumentVerdict, Flaw } from '../activities/index.js';
import { readArchiveConfiguration } from '../worker/configuration.js';
import type { CommandCall } from './command.js';
import { createProgressLine, progressBar } from './progress-line.js';
import { plainLine } from './terminal.js';

/** What came of it. */
export interface ArchiveSummary {
  readonly isWhole: boolean;
  /** Looked at, those in quarantine not counted. */
  readonly documents: number;
  /** Hashed. */
  readonly bytes: number;
  readonly flawed: readonly {
    readonly documentId: string;
    readonly place: DocumentVerdict['place'];
    readonly flaws: readonly Flaw[];
  }[];
}

/**
 * Verifies, showing how far it is on a terminal and each flaw as it is found.
 * @throws Error where a document is asked for of which the archive has nothing
 */
export async function verifyAll(
  { environment, terminal, signal, json }: CommandCall,
  documentId: string | undefined,
): Promise<ArchiveSummary> {
  const { archiveUrl, archiveS3 } = readArchiveConfiguration(environment);
  const archive = openArchive(archiveUrl, { s3: archiveS3 });
  const progress = createProgressLine(terminal);
  // Whoever looks on wants to know how much is left; a listing is cheap beside hashing.
  const total = terminal.isInteractive ? await countDocuments(archive, documentId, signal) : 0;
  const flawed: ArchiveSummary['flawed'][number][] = [];
  let [documents, bytes, seen] = [0, 0, 0];
  const tell = (): void => {
    progress.show(
      `${progressBar(seen, total)} documents, ${(bytes / 1024 ** 2).toFixed(1)} MiB, ${flawed.length} not whole`,
    );
  };
  const verdicts = verifyArchive(archive, {
    documentId,
    signal,
    onBytes: (piece) => {
      bytes += piece;
      tell();
    },
  });
  try {
    for await (const { bytes: _, ...verdict } of verdicts) {
      seen += 1;
      if (verdict.place === 'documents') documents += 1;
      if (verdict.flaws.length > 0) {
        flawed.push(verdict);
        progress.clear();
        if (!json) for (const line of flawLines(verdict)) terminal.print(line);
      }
      tell();
    }
  } finally {
    progress.clear();
  }
  if (documentId !== undefined && seen === 0) {
    throw new Error(`the archive at ${archiveUrl} has nothing of document ${documentId}`);
  }
  return { isWhole: flawed.length === 0, documents, bytes, flawed };
}

async function countDocuments(
  archive: Archive,
  documentId: string | undefined,
  signal: AbortSignal,
): Promise<number> {
  const found = new Set<string>();
  for await (const { place, documentId: id } of archive.list(documentId)) {
    signal.throwIfAborted();
    found.add(`${place}/${id}`);
  }
  return found.size;
}

function flawLines({ documentId, flaws }: Pick<DocumentVerdict, 'documentId' | 'flaws'>): string[] {
  return flaws.map((flaw) => `${documentId}  ${plainLine(flawText(flaw))}`);
}
