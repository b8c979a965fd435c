/**
 * A real S3 server for tests: MinIO, found or built with Go, once. Longer than most files, since
 * to find, to build and to run it is nobody else's business.
 */
import { mkdtemp, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3';
import { pickFreePort } from '../../cli/ports.js';
import { lastLines, openLog } from '../../cli/process-log.js';
import { runProgram } from '../../cli/run-program.js';
import { spawnTied, type ProcessExit } from '../../cli/tied-process.js';
import { freshId } from './provider-stage.js';
import { until } from './until.js';

/** The last that MinIO published as a Go module; it has conditional writes, locks and checksums. */
export const MINIO_VERSION = 'v0.0.0-20260212201848-7aac2a2c5b7c';

const CACHE = fileURLToPath(new URL('../../.countersign/cache/minio', import.meta.url));
const BUILT = join(CACHE, MINIO_VERSION, 'minio');

/** Measured on two cores beside other tests: 75 s to 105 s; 3 s where Go has it in its cache. */
const BUILD_LIMIT_MS = 10 * 60_000;
const PROGRESS_MS = 15_000;

/** Go where its own installer puts it, for machines that do not have it on their PATH. */
const GO_COMMANDS = ['go', '/usr/local/go/bin/go'];

const USER = 'countersign';
const PASSWORD = 'countersign-test';
/** A key of 32 bytes for MinIO's built-in key service: without one it encrypts nothing. */
const KMS_KEY = `test-key:${Buffer.alloc(32, 7).toString('base64')}`;

/** What `test` takes as options: nothing, or why there is no server to test on. */
export interface S3Requirement {
  readonly skip: string | false;
}

/** A server of a test's own. */
export interface S3Server {
  /** `http://127.0.0.1:<port>` */
  readonly endpoint: string;
  /** The server's owner, who may do everything. */
  readonly client: S3Client;
  /** Makes a bucket and returns its name. */
  createBucket(options?: { readonly isLockable?: boolean }): Promise<string>;
  /** The keys of a bucket, in order. */
  keysIn(bucket: string): Promise<string[]>;
  /** An object's bytes. */
  read(bucket: string, key: string): Promise<Buffer>;
  /** Ends the server, which keeps its data until `close`. */
  stop(): Promise<void>;
  /** Starts it again at the same address. */
  start(): Promise<void>;
  /** Ends it; everything in it is gone. */
  close(): Promise<void>;
}

/** Whether tests on a real server can run here; builds one where need be, which takes minutes. */
export async function requireS3Server(): Promise<S3Requirement> {
  try {
    await findS3Server();
    return { skip: false };
  } catch (error) {
    return { skip: `no S3 server: ${(error as Error).message}` };
  }
}

/**
 * The `minio` binary: the one that COUNTERSIGN_MINIO names, an installed one, the one in the
 * repository's cache, or one built into it by Go. Several processes may ask at once.
 * @throws Error in one line where there is none and none can be built
 */
export async function findS3Server(): Promise<string> {
  const named = process.env['COUNTERSIGN_MINIO'];
  if (named !== undefined) {
    await runProgram(named, ['--version'], { limitMs: 20_000 });
    return named;
  }
  if (await works('minio', ['--version'])) return 'minio';
  while (!(await exists(BUILT))) await buildUnlessAnotherDoes();
  return BUILT;
}

async function works(command: string, parameters: readonly string[]): Promise<boolean> {
  try {
    await runProgram(command, parameters, { limitMs: 20_000 });
    return true;
  } catch {
    // Whatever the reason, it is not the one to use.
    return false;
  }
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

async function buildUnlessAnotherDoes(): Promise<void> {
  await mkdir(dirname(BUILT), { recursive: true });
  const lock = join(CACHE, 'building');
  const handle = await open(lock, 'wx').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
    throw error;
  });
  if (handle === undefined) {
    await until(async () => !(await isHeld(lock)), BUILD_LIMIT_MS);
    return;
  }
  try {
    await handle.writeFile(String(process.pid));
    await build();
  } finally {
    await handle.close();
    await rm(lock, { force: true });
  }
}

/** A lock whose process is gone is nobody's. */
async function isHeld(lock: string): Promise<boolean> {
  const holder = Number(await readFile(lock, 'utf8').catch(() => '0'));
  // Just made, and its process's ID not yet in it, or just removed.
  if (holder === 0) return exists(lock);
  try {
    process.kill(holder, 0);
    return true;
  } catch {
    await rm(lock, { force: true });
    return false;
  }
}

async function build(): Promise<void> {
  let go: string | undefined;
  for (const command of GO_COMMANDS) go ??= (await works(command, ['version'])) ? command : go;
  if (go === undefined) throw new Error('neither minio nor go is installed');
  const staging = await mkdtemp(join(CACHE, 'building-'));
  const settings = [`GOBIN=${staging}`, 'GOMAXPROCS=2', 'CGO_ENABLED=0'];
  // Built once and used for seconds: what the compiler would spend on speed is not earned back.
  const flags = ['-ldflags=-s -w', '-gcflags=all=-N -l -dwarf=false'];
  const parameters = ['install', ...flags, `github.com/minio/minio@${MINIO_VERSION}`];
  const building = new AbortController();
  const told = tellProgress(building.signal);
  try {
    await runProgram('env', [...settings, go, ...parameters], { limitMs: BUILD_LIMIT_MS });
    await rename(join(staging, 'minio'), BUILT);
  } finally {
    building.abort();
    await told;
    await rm(staging, { recursive: true, force: true });
  }
}

async function tellProgress(signal: AbortSignal): Promise<void> {
  const startedAt = Date.now();
  while (!signal.aborted) {
    const seconds = Math.round((Date.now() - startedAt) / 1000);
    process.stderr.write(`# building MinIO with Go, once, about 2 minutes: ${seconds} s\n`);
    // It ends early by being aborted, which is no failure.
    await delay(PROGRESS_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** Starts a server on a free port with a folder of its own; it does not outlive this process. */
export async function startS3Server(): Promise<S3Server> {
  const binary = await findS3Server();
  const folder = await mkdtemp(join(tmpdir(), 'countersign-s3-'));
  const address = `127.0.0.1:${await pickFreePort('127.0.0.1')}`;
  const endpoint = `http://${address}`;
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: USER, secretAccessKey: PASSWORD },
  });
  const parts = { binary, folder, address, client };
  let stop = await launch(parts);
  return {
    endpoint,
    client,
    async createBucket({ isLockable = false } = {}) {
      const Bucket = `test-${freshId()}`;
      await client.send(
        new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: isLockable }),
      );
      return Bucket;
    },
    async keysIn(bucket) {
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
      return Contents.map(({ Key = '' }) => Key);
    },
    async read(bucket, key) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
      return Buffer.from((await Body?.transformToByteArray()) ?? []);
    },
    stop: () => stop(),
    async start() {
      stop = await launch(parts);
    },
    async close() {
      client.destroy();
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

interface Launch {
  readonly binary: string;
  readonly folder: string;
  /** `host:port` */
  readonly address: string;
  readonly client: S3Client;
}

/** Returns what ends it. */
async function launch({ binary, folder, address, client }: Launch): Promise<() => Promise<void>> {
  const log = await openLog(undefined);
  const settings = [
    `HOME=${folder}`,
    `MINIO_ROOT_USER=${USER}`,
    `MINIO_ROOT_PASSWORD=${PASSWORD}`,
    `MINIO_KMS_SECRET_KEY=${KMS_KEY}`,
    'MINIO_BROWSER=off',
    'MINIO_UPDATE=off',
  ];
  const command = [binary, 'server', '--quiet', '--address', address, join(folder, 'data')];
  const server = await spawnTied('env', [...settings, ...command], log.fd);
  const exits: ProcessExit[] = [];
  const ended = server.exited.then((exit) => exits.push(exit));
  const stop = async (): Promise<void> => {
    server.kill('SIGKILL');
    await ended;
    await log.close();
  };
  try {
    await until(async () => exits.length > 0 || (await isReady(client)));
    if (exits.length > 0) throw new Error(`MinIO ended: ${(await lastLines(log, 3)).join(' ')}`);
    return stop;
  } catch (error) {
    await stop();
    throw error;
  }
}

/** MinIO's own health route says yes a moment before its buckets and users are there. */
async function isReady(client: S3Client): Promise<boolean> {
  try {
    await client.send(new ListBucketsCommand());
    return true;
  } catch {
    // Not yet listening, or not yet initialised; what stays wrong is told when the wait is over.
    return false;
  }
}

/**
 * A server for all tests of a file, with its owner's credentials. Where there can be none,
 * `requirement` skips the tests, and nobody asks for `server`.
 */
export async function openS3ServerForFile(): Promise<{
  readonly requirement: S3Requirement;
  readonly server: S3Server;
}> {
  const requirement = await requireS3Server();
  if (requirement.skip !== false) return { requirement, server: undefined as never };
  const server = await startS3Server();
  useS3Credentials();
  after(() => server.close());
  return { requirement, server };
}

/**
 * Lets the SDK's default chain of this process find the server's owner, and nobody else: no files
 * of whoever runs the tests, no machine's role.
 */
export function useS3Credentials(accessKeyId = USER, secretAccessKey = PASSWORD): void {
  Object.assign(process.env, {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_EC2_METADATA_DISABLED: 'true',
  });
}
