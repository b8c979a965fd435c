import { EXIT_CODES } from '../command.js';
import type { Action, CommandCall, CommandGroup } from '../command.js';
import type { ArchiveSummary } from '../archive-verification.js';

const verify: Action = {
  name: 'verify',
  summary: 'hashes every archived file anew and compares it with its receipt',
  description:
    'Reads the archive at ARCHIVE_URL, in a folder or on S3, and changes nothing. Says of each\n' +
    'document what is wrong; exits with 1 where anything is.',
  usage: '',
  options: {
    document: { type: 'string', value: '<id>', help: 'this document alone' },
  },
  json: 'one object: counts, and documents with what is wrong with each',
  example: 'countersign archive verify',
  run: async (call) => {
    const { verifyAll } = await import('../archive-verification.js');
    const summary = await verifyAll(call, call.values.text('document'));
    if (call.json) call.terminal.print(JSON.stringify(summary, null, 2));
    else show(call, summary);
    return summary.isWhole ? EXIT_CODES.ok : EXIT_CODES.failed;
  },
};

function show({ terminal }: CommandCall, summary: ArchiveSummary): void {
  const { documents, bytes, flawed } = summary;
  const size = `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
  terminal.print(
    `${documents} documents verified, ${size} hashed: ` +
      (flawed.length === 0 ? 'all is as the receipts say' : `${flawed.length} are not whole`),
  );
}

/** What is about the archive of signed documents. */
export const archive: CommandGroup = {
  name: 'archive',
  summary: 'verifies the archive of signed documents',
  example: 'countersign archive verify',
  subcommands: [verify],
};
