/** What documents leave behind: history, visibility, PostgreSQL's tables. */
import type { Client } from '@temporalio/client';
import { DATABASES } from './temporal-cluster.js';
import type { Postgres } from './postgres.js';
import type { HistorySize, TableSize } from './report.js';

/** Below this a table is furniture: it does not grow with documents. */
const TABLE_MIN_BYTES = 100_000;

const TABLES = `
  SELECT relname, n_live_tup, pg_total_relation_size(relid)
  FROM pg_stat_user_tables
  ORDER BY 3 DESC`;

/**
 * Sizes with indexes: as they stand, with what updates left behind, and without it. Rewrites all
 * tables.
 */
export async function measureTables(postgres: Postgres, documents: number): Promise<TableSize[]> {
  const sizes: TableSize[] = [];
  for (const database of Object.values(DATABASES)) {
    const standing = await readTables(postgres, database);
    await postgres.query(database, 'VACUUM (FULL, ANALYZE)');
    const compact = await readTables(postgres, database);
    for (const [table, { bytes }] of standing.filter(([, size]) => size.bytes > TABLE_MIN_BYTES)) {
      const live = compact.find(([name]) => name === table)?.[1] ?? { rows: 0, bytes: 0 };
      sizes.push({
        ...{ database, table, rows: live.rows, bytes, bytesPerDocument: bytes / documents },
        compactBytesPerDocument: live.bytes / documents,
      });
    }
  }
  return sizes;
}

async function readTables(postgres: Postgres, database: string) {
  const lines = (await postgres.query(database, TABLES)).split('\n');
  return lines.map((line) => {
    const [table = '', rows, bytes] = line.split('|');
    return [table, { rows: Number(rows), bytes: Number(bytes) }] as const;
  });
}

/** As visibility has it for closed workflows. */
export async function measureHistories(client: Client, documents: number): Promise<HistorySize[]> {
  const sums = new Map<string, { runs: number; events: number; bytes: number }>();
  for await (const { type, historyLength, historySize } of client.workflow.list()) {
    const sum = sums.get(type) ?? { runs: 0, events: 0, bytes: 0 };
    sums.set(type, {
      runs: sum.runs + 1,
      events: sum.events + historyLength,
      bytes: sum.bytes + (historySize ?? 0),
    });
  }
  return [...sums].map(([workflow, { runs, events, bytes }]) => ({
    workflow,
    runs,
    perDocument: {
      runs: runs / documents,
      events: events / documents,
      bytes: bytes / documents,
    },
  }));
}
