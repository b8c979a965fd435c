/** What `countersign erase` does: takes a document out of the archive and out of Temporal. */
import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { Client } from '@temporalio/client';
import { eraseDocument, openArchive, planErasure } from '../activities/index.js';
import type { ErasurePlan } from '../activities/index.js';
import { lookUpOptions } from '../codec/data-converter.js';
import { createProviderClient } from '../provider/provider-client.js';
import { readConfiguration } from '../worker/configuration.js';
import { EXIT_CODES } from './command.js';
import type { CommandCall } from './command.js';
import { documentIdOf } from './document-id.js';
import { plainLine } from './terminal.js';
import { ensureReached, openTemporal } from './temporal-connection.js';

type Listed = Pick<ErasurePlan, 'files' | 'histories' | 'shared' | 'unreadable'>;

/** Runs with the worker's settings. */
export async function runErase(call: CommandCall): Promise<number> {
  const { values, terminal, json, environment } = call;
  const documentId = documentIdOf(call.positionals[0]);
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
      documentId,
      nowIso: new Date().toISOString(),
      leavesUnreadable: values.flag('leave-unreadable'),
    });
    const isErased = await carryOut();
    const { files, histories, shared, unreadable } = plan;
    const answer = { documentId, isErased, files, histories, shared, unreadable };
    if (json) terminal.print(JSON.stringify(answer));
    return isErased || values.flag('dry-run') ? EXIT_CODES.ok : EXIT_CODES.failed;

    async function carryOut(): Promise<boolean> {
      const show = (): void => {
        if (!json) terminal.print(textOf(plan));
      };
      if (plan.obstacle !== undefined || values.flag('dry-run') || !values.flag('yes')) show();
      if (plan.obstacle !== undefined) throw new Error(plan.obstacle);
      if (values.flag('dry-run')) return false;
      if (!values.flag('yes') && !(await isConfirmed(documentId))) return false;
      // A reader that has gone away ends the process, with 0: unasked it is shown after the deed.
      await eraseDocument(erasure, plan).finally(values.flag('yes') ? show : undefined);
      if (!json) terminal.print(`erased ${documentId}; a tombstone stays in the archive`);
      return true;
    }
  } finally {
    provider?.close();
    await temporal.connection.close();
  }
}

/** What a plan says to people. Pure: paths and IDs may come from outside. */
export function textOf({ files, histories, shared, unreadable }: Listed): string {
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
  return lines.map(plainLine).join('\n') || 'nothing is left to erase but the tombstone';
}

/** Without a terminal nobody can say yes. */
async function isConfirmed(documentId: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new Error('nothing was erased: confirm with --yes');
  const question = `Erase all of this for good? Type ${documentId}: `;
  // On stderr: stdout may be a file, or hold JSON.
  const answer = await answerTo(question, { input: process.stdin, output: process.stderr });
  return answer.trim() === documentId;
}

/** What is typed; nothing where Ctrl-C or Ctrl-D is: readline leaves its question open then. */
export async function answerTo(
  question: string,
  streams: { readonly input: NodeJS.ReadableStream; readonly output: NodeJS.WritableStream },
): Promise<string> {
  const terminal = createInterface(streams);
  const closed = once(terminal, 'close').then(() => '');
  const answer = await Promise.race([terminal.question(question), closed]);
  terminal.close();
  return answer;
}
