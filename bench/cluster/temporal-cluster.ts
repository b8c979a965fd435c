/** Temporal's production server, its four services in one process, on PostgreSQL. */
import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Connection, isGrpcServiceError } from '@temporalio/client';
import { pickFreePort, portObstacle } from '../../cli/ports.js';
import { startProcess } from '../ready-process.js';
import type { MeasuredProcess } from '../ready-process.js';
import { POSTGRES_USER } from './postgres.js';
import type { Postgres } from './postgres.js';
import type { ServerTools } from './server-tools.js';

const run = promisify(execFile);

const HOST = '127.0.0.1';
const SERVICES = ['frontend', 'history', 'matching', 'worker'] as const;

/** The databases' names. */
export const DATABASES = { store: 'temporal', visibility: 'temporal_visibility' } as const;

/** A server that serves the namespace `default`. */
export interface TemporalCluster extends MeasuredProcess {
  readonly address: string;
}

/** What the server is made of. */
export interface ClusterOrder {
  readonly tools: ServerTools;
  readonly postgres: Postgres;
  readonly folder: string;
  readonly shards: number;
  readonly signal: AbortSignal;
}

/** Makes the databases, starts the server, registers the namespace. */
export async function startTemporalCluster(order: ClusterOrder): Promise<TemporalCluster> {
  const { tools, folder, signal } = order;
  await makeDatabases(order);
  const ports = await Promise.all(SERVICES.map(() => placePorts()));
  const configFile = join(folder, 'temporal.yaml');
  // JSON is YAML.
  await writeFile(configFile, JSON.stringify(serverConfig(order, ports), null, 2));
  const address = `${HOST}:${ports[0]?.grpcPort ?? 0}`;
  const server = await startProcess({
    name: 'Temporal',
    command: tools.server,
    args: ['--config-file', configFile, '--allow-no-auth', 'start'],
    logFile: join(folder, 'temporal.log'),
    isReady: () => registerNamespace(address),
    signal,
  });
  return { ...server, address };
}

async function makeDatabases({ tools, postgres }: ClusterOrder): Promise<void> {
  const schemas = [
    [DATABASES.store, 'postgresql/v12/temporal'],
    [DATABASES.visibility, 'postgresql/v12/visibility'],
  ] as const;
  for (const [database, schema] of schemas) {
    const sql = async (...words: string[]): Promise<void> => {
      const server = ['--plugin', 'postgres12', '--ep', HOST, '-p', String(postgres.port)];
      await run(tools.sql, [...server, '-u', POSTGRES_USER, '--db', database, ...words]);
    };
    await sql('create-database');
    await sql('setup-schema', '-v', '0.0');
    await sql('update-schema', '--schema-name', schema);
  }
}

interface Ports {
  readonly grpcPort: number;
  readonly membershipPort: number;
  readonly httpPort: number;
}

/** PostgreSQL's schema keeps a membership port in 16 bits with a sign. */
const MEMBERSHIP_PORTS = { min: 10_240, max: 32_767 } as const;

async function placePorts(): Promise<Ports> {
  const membershipPort = await pickMembershipPort();
  return {
    ...{ grpcPort: await pickFreePort(HOST), membershipPort },
    httpPort: await pickFreePort(HOST),
  };
}

async function pickMembershipPort(): Promise<number> {
  for (;;) {
    const port = randomInt(MEMBERSHIP_PORTS.min, MEMBERSHIP_PORTS.max + 1);
    if ((await portObstacle(HOST, port)) === undefined) return port;
  }
}

function serverConfig({ postgres, shards }: ClusterOrder, ports: readonly Ports[]): object {
  const store = (databaseName: string, maxConns: number): object => ({
    sql: {
      ...{ pluginName: 'postgres12', databaseName, user: POSTGRES_USER, password: '-' },
      ...{ connectAddr: `${HOST}:${postgres.port}`, connectProtocol: 'tcp' },
      ...{ maxConns, maxIdleConns: maxConns, maxConnLifetime: '1h' },
    },
  });
  const services = SERVICES.map((name, index) => {
    const { httpPort, ...rpc } = ports[index] ?? { httpPort: 0 };
    const http = name === 'frontend' ? { httpPort } : {};
    return [name, { rpc: { ...rpc, ...http, bindOnIP: HOST } }] as const;
  });
  const frontend = `${HOST}:${ports[0]?.grpcPort ?? 0}`;
  return {
    log: { stdout: true, level: 'warn' },
    persistence: {
      ...{ defaultStore: 'store', visibilityStore: 'visibility', numHistoryShards: shards },
      datastores: {
        store: store(DATABASES.store, 20),
        visibility: store(DATABASES.visibility, 10),
      },
    },
    global: { membership: { maxJoinDuration: '30s', broadcastAddress: HOST } },
    services: Object.fromEntries(services),
    clusterMetadata: {
      ...{ enableGlobalNamespace: false, failoverVersionIncrement: 10 },
      ...{ masterClusterName: 'active', currentClusterName: 'active' },
      clusterInformation: {
        active: {
          ...{ enabled: true, initialFailoverVersion: 1 },
          ...{ rpcName: 'frontend', rpcAddress: frontend },
        },
      },
    },
    dcRedirectionPolicy: { policy: 'noop' },
    publicClient: { hostPort: frontend },
  };
}

const CALL_LIMIT_MS = 2_000;
const RETENTION_S = 30 * 24 * 60 * 60;

/** A server that has just started answers before it knows its namespaces. */
const NAMESPACE_POLL_MS = 250;

async function registerNamespace(address: string): Promise<boolean> {
  const connection = await Connection.connect({ address, connectTimeout: CALL_LIMIT_MS });
  const call = <Result>(make: () => Promise<Result>): Promise<Result> =>
    connection.withDeadline(Date.now() + CALL_LIMIT_MS, make);
  try {
    const seconds = RETENTION_S as unknown as Long;
    await call(() =>
      connection.workflowService.registerNamespace({
        namespace: 'default',
        workflowExecutionRetentionPeriod: { seconds },
      }),
    ).catch((error: unknown) => {
      if (!isGrpcServiceError(error) || !/already/i.test(error.details)) throw error;
    });
    await delay(NAMESPACE_POLL_MS);
    await call(() => connection.workflowService.countWorkflowExecutions({ namespace: 'default' }));
    return true;
  } finally {
    await connection.close();
  }
}
