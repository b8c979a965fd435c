import { failureLines } from '../lifecycle-text.js';
import { table } from '../text-table.js';
import type { ClusterResult, Phase } from './report.js';

/** The report of `cluster` for people: a few tables. */
export function clusterText(result: ClusterResult): string {
  const { settings, machine, servers, failures, phases, documents } = result;
  const { workers, webhooks, shards } = settings;
  const head = `cluster: Temporal ${servers.temporal} on ${servers.store}, ${shards} shards`;
  return [
    `${head}, up to ${workers} workers, ${webhooks} webhooks, Node ${machine.node}, ${machine.cores} cores`,
    failureLines(failures),
    phases.map(phaseLines).join('\n\n'),
    restartLine(result),
    reconciliationLine(result),
    batchLine(result),
    storageLines(result),
    `${documents} documents in all, ${result.actionsPerDocument.toFixed(2)} Actions each`,
  ].join('\n\n');
}

function phaseLines(phase: Phase): string {
  const { workers, documentsPerS, documents, processes, bottleneck } = phase;
  return [
    `${workers} workers, ${documents} documents: ${documentsPerS.toFixed(1)} documents/s`,
    `limited by ${bottleneck}`,
    ...table([
      ['process', 'CPU ms per document', '% of a core', 'MiB'],
      ...processes.map(({ process, cpuMsPerDocument, share, rssMiB }) => {
        return [process, cpuMsPerDocument.toFixed(1), Math.round(share * 100), rssMiB] as const;
      }),
    ]),
  ].join('\n');
}

function restartLine({ rollingRestart, acknowledgement }: ClusterResult): string {
  const { documents, restarts, restartMs, passedOn } = rollingRestart;
  const { callbacks, p50Ms, p99Ms } = acknowledgement;
  return [
    `rolling restart: ${restarts} processes replaced (${restartMs.join(', ')} ms) while ` +
      `${documents} documents were signed; ${passedOn} callbacks went to another webhook`,
    `${callbacks} callbacks until then, acknowledged in ${p50Ms.toFixed(1)} ms (median), ` +
      `${p99Ms.toFixed(1)} ms (99 %)`,
  ].join('\n');
}

function reconciliationLine({ reconciliation }: ClusterResult): string {
  const { documents, lostChanges, missedChanges, durationMs } = reconciliation;
  const { missedChangesAfter } = reconciliation;
  return (
    `reconciliation: of ${documents} documents without further callbacks ${missedChanges} of ` +
    `${lostChanges} changes found in ${(durationMs / 1_000).toFixed(1)} s; ` +
    `a second run found ${missedChangesAfter}`
  );
}

function batchLine({
  largeBatch: { entries, bytes, parts, acknowledgedMs },
}: ClusterResult): string {
  const size = `${entries} entries, ${(bytes / 1e6).toFixed(1)} MB`;
  return `one batch of ${size}: taken in ${parts} parts, acknowledged in ${Math.round(acknowledgedMs)} ms`;
}

function storageLines({ tables, histories }: ClusterResult): string {
  return [
    ...table([
      ['history', 'runs per document', 'events per document', 'bytes per document'],
      ...histories.map(({ workflow, perDocument: { runs, events, bytes } }) => {
        return [workflow, runs.toFixed(2), events.toFixed(1), Math.round(bytes)] as const;
      }),
    ]),
    '',
    ...table([
      ['table, with indexes', 'rows', 'bytes per document', 'after VACUUM FULL'],
      ...tables.map(({ database, table: name, rows, ...bytes }) => {
        const { bytesPerDocument, compactBytesPerDocument } = bytes;
        const figures = [rows, bytesPerDocument, compactBytesPerDocument].map(Math.round);
        return [`${database}.${name}`, ...figures] as const;
      }),
    ]),
  ].join('\n');
}
