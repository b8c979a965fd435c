/** `npm run erase`: takes a document out of the archive and out of Temporal. */
import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { eraseDocument, openArchive, planErasure } from '../activities/index.js';
import type { ErasurePlan } from '../activities/index.js';
import { createDataConverter } from '../codec/data-converter.js';
import { readConfiguration } from '../worker/configuration.js';

const USAGE = `npm run erase -- <document> [--dry-run] [--yes]

Removes the document's archive and the histories of its workflow and of the callbacks that name it
alone. A tombstone stays: when it was erased, and the hashes. Runs with the worker's settings.
For example: npm run erase -- 6f1f5a2e-3a52-4c3e-9f0d-2f6a1f0c9b11 --dry-run
Exit code: 0, or 1 where it could not be erased or was not confirmed.`;

const OPTIONS = {
  'dry-run': { type: 'boolean', default: false },
  yes: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true });
  const [documentId, ...rest] = positionals;
  if (values.help || documentId === undefined || rest.length > 0) {
    process.stdout.write(`${USAGE}\n`);
    return values.help ? 0 : 1;
  }
  const { archiveUrl, archiveS3, encryptionKeys } = readConfiguration();
  const { connectionOptions, namespace = 'default' } = loadClientConnectConfig();
  const connection = await Connection.connect(connectionOptions);
  try {
    const dataConverter = createDataConverter(encryptionKeys);
    const client = new Client({ connection, namespace, dataConverter });
    const erasure = { client, archive: openArchive(archiveUrl, { s3: archiveS3 }) };
    const plan = await planErasure(erasure, documentId, new Date().toISOString());
    process.stdout.write(textOf(plan));
    if (plan.obstacle !== undefined) throw new Error(plan.obstacle);
    if (values['dry-run']) return 0;
    if (!values.yes && !(await isConfirmed(documentId))) return 1;
    await eraseDocument(erasure, plan);
    process.stdout.write(`erased ${documentId}; a tombstone stays in the archive\n`);
    return 0;
  } finally {
    await connection.close();
  }
}

function textOf({ files, histories, shared }: ErasurePlan): string {
  const lines = [
    ...files.map((path) => `file      ${path}`),
    ...histories.map(({ workflowId, runId }) => `history   ${workflowId} ${runId}`),
    ...shared.map(
      (workflowId) => `stays     ${workflowId}: names others too, until its retention ends`,
    ),
  ];
  return `${lines.join('\n') || 'nothing is left to erase but the tombstone'}\n`;
}

/** Without a terminal nobody can say yes. */
async function isConfirmed(documentId: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new Error('nothing was erased: confirm with --yes');
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question(`Erase all of this for good? Type ${documentId}: `);
  terminal.close();
  return answer.trim() === documentId;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`erase: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
