/** What `countersign erase` does: takes a document out of the archive and out of Temporal. */
import { createInterface } from 'node:readline/promises';
import { Client } from '@temporalio/client';
import { eraseDocument, openArchive, planErasure } from '../activities/index.js';
import type { ErasurePlan } from '../activities/index.js';
import { lookUpOptions } from '../codec/data-converter.js';
import { createProviderClient } from '../provider/provider-client.js';
import { readConfiguration } from '../worker/configuration.js';
import { EXIT_CODES } from './command.js';
import type { CommandCall } from './command.js';
import { ensureReached, openTemporal } from './temporal-connection.js';

/** Runs with the worker's settings. */
export async function runErase(call: CommandCall): Promise<number> {
  const { values, terminal, json, environment } = call;
  const [id = ''] = call.positionals;
  const configuration = readConfiguration(environment);
  const { archiveUrl, archiveS3, encryptionKeys } = configuration;
  const provider = values.flag('without-provider')
    ? undefined
    : createProviderClient(configuration.provider);
  const temporal = openTemporal(environment, encryptionKeys);
  try {
    await ensureReached(temporal);
    const client = new Client(lookUpOptions(temporal.client));
    const erasure = { client, archive: openArchive(archiveUrl, { s3: archiveS3 }), provider };
    const plan = await planErasure(erasure, {
      documentId: id,
      nowIso: new Date().toISOString(),
      leavesUnreadable: values.flag('leave-unreadable'),
    });
    const { documentId } = plan;
    const isErased = await carryOut();
    const { files, histories, shared, unreadable } = plan;
    const answer = { documentId, isErased, files, histories, shared, unreadable };
    if (json) terminal.print(JSON.stringify(answer));
    return isErased || values.flag('dry-run') ? EXIT_CODES.ok : EXIT_CODES.failed;

    async function carryOut(): Promise<boolean> {
      if (!json) terminal.print(textOf(plan));
      if (plan.obstacle !== undefined) throw new Error(plan.obstacle);
      if (values.flag('dry-run')) return false;
      if (!values.flag('yes') && !(await isConfirmed(documentId))) return false;
      await eraseDocument(erasure, plan);
      if (!json) terminal.print(`erased ${documentId}; a tombstone stays in the archive`);
      return true;
    }
  } finally {
    provider?.close();
    await temporal.connection.close();
  }
}

function textOf({ files, histories, shared, unreadable }: ErasurePlan): string {
  const lines = [
    ...files.map((path) => `file      ${path}`),
    ...histories.map(({ workflowId, runId }) => `history   ${workflowId} ${runId}`),
    ...shared.map(
      (workflowId) => `stays     ${workflowId}: names others too, until its retention ends`,
    ),
    ...(unreadable.length > 0
      ? [`stays     ${unreadable.length} callbacks that cannot be read, as ${unreadable[0] ?? ''}`]
      : []),
  ];
  return lines.join('\n') || 'nothing is left to erase but the tombstone';
}

/** Without a terminal nobody can say yes. */
async function isConfirmed(documentId: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new Error('nothing was erased: confirm with --yes');
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question(`Erase all of this for good? Type ${documentId}: `);
  terminal.close();
  return answer.trim() === documentId;
}
