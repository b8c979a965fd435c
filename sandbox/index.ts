/** A stand-in for the e-signature provider: its REST interface, its callbacks and a page. */
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino, type Logger } from 'pino';
import { SANDBOX_DEFAULTS } from './defaults.js';
import {
  certificateFileIn,
  createKeyPair,
  openKeyPair,
  type KeyBits,
  type KeyPair,
} from './key-pair.js';
import { CERTIFICATE_PATH } from './control-api.js';
import { createSandboxApp } from './sandbox-app.js';
import { SandboxControl } from './sandbox-control.js';
import { SandboxCore } from './sandbox-core.js';

export type { CallbackRecord } from './callback-log.js';
export type { DocumentLosses, Losses, MissedChange } from './losses.js';
export type { KeyPair } from './key-pair.js';
export { createKeyPair } from './key-pair.js';
export { readSandboxSettings, type SandboxSettings } from './configuration.js';

/** How the sandbox is to be. Everything has a default. */
export interface SandboxOptions {
  /** 127.0.0.1 unless told. */
  readonly host?: string;
  /** 0, the default, takes any free port. */
  readonly port?: number;
  /** Where state, PDFs and the key are kept; without it they end with the process. */
  readonly dataDirectory?: string;
  /** The keys accepted: `user:key` or `ak_…`. Without a list every well-formed key will do. */
  readonly apiKeys?: readonly string[];
  /** How often batches go out (5 s; the provider takes 6 minutes); 0 for only on demand. */
  readonly batchIntervalMs?: number;
  /** How long after the last signature the final PDF exists (500 ms). */
  readonly finalPdfDelayMs?: number;
  /** Calls beyond are answered 429; the provider allows a test account 100. Unlimited. */
  readonly callsPerMinute?: number;
  /** Notices in the provider's older form, without `json_signed`. */
  readonly unsignedNotices?: boolean;
  /** Leave the `+` in batches' signatures as it is. */
  readonly plusUnescaped?: boolean;
  /** Adds `X-Hmac-Sha256` to realtime callbacks. */
  readonly hmacSecret?: string;
  /** The key that signs callbacks; without it one is made, or read from the data directory. */
  readonly keyPair?: KeyPair;
  /** Size of a key that is made: 2048 unless told. */
  readonly keyBits?: KeyBits;
  /** Faults are drawn from it; 1 unless told. */
  readonly seed?: number;
  /** How far the provider's clock is ahead of this machine's, in milliseconds; 0 unless told. */
  readonly clockSkewMs?: number;
  /** The page links each document to its workflow, where this is given. */
  readonly workflowUrl?: (documentId: string) => string;
  /** Silent unless given. */
  readonly logger?: Logger;
}

/** A running sandbox, with everything its control interface offers. */
export interface Sandbox extends SandboxControl {
  /** Base address, without a slash at the end. */
  readonly url: string;
  /** Base of the REST interface, without a slash at the end. */
  readonly apiUrl: string;
  /** With which callbacks are verified. */
  readonly certificatePem: string;
  /** Where the certificate can be fetched. */
  readonly certificateUrl: string;
  /** The certificate's absolute path, where it is kept. */
  readonly certificateFile: string | undefined;
  readonly keyPair: KeyPair;
  readonly hmacSecret: string | undefined;
  /** The keys accepted; undefined: every well-formed one. */
  readonly apiKeys: readonly string[] | undefined;
  /** Stops in order; resolves when nothing is left running and the state is on disk. */
  close(): Promise<void>;
}

async function keyPairFor(options: SandboxOptions): Promise<KeyPair> {
  if (options.keyPair) return options.keyPair;
  const { dataDirectory, keyBits } = options;
  return dataDirectory === undefined ? createKeyPair(keyBits) : openKeyPair(dataDirectory, keyBits);
}

/** A key pair that was handed in is not kept. */
function certificateFileOf({ keyPair, dataDirectory }: SandboxOptions): string | undefined {
  return keyPair || dataDirectory === undefined ? undefined : certificateFileIn(dataDirectory);
}

async function openCore(
  options: SandboxOptions,
  keyPair: KeyPair,
  logger: Logger,
): Promise<SandboxCore> {
  return SandboxCore.open({
    keyPair,
    logger,
    dataDirectory: options.dataDirectory,
    batchIntervalMs: options.batchIntervalMs ?? SANDBOX_DEFAULTS.batchIntervalMs,
    finalPdfDelayMs: options.finalPdfDelayMs ?? SANDBOX_DEFAULTS.finalPdfDelayMs,
    hmacSecret: options.hmacSecret,
    unsignedNotices: options.unsignedNotices ?? false,
    plusUnescaped: options.plusUnescaped ?? false,
    seed: options.seed ?? SANDBOX_DEFAULTS.seed,
    clockSkewMs: options.clockSkewMs ?? 0,
  });
}

async function listen(
  server: http.Server,
  { host = SANDBOX_DEFAULTS.host, port = 0 }: SandboxOptions,
): Promise<string> {
  server.listen(port, host);
  await once(server, 'listening');
  const { port: taken } = server.address() as AddressInfo;
  return `http://${host.includes(':') ? `[${host}]` : host}:${taken}`;
}

function stop(server: http.Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
    server.closeIdleConnections();
  });
}

/**
 * Starts a sandbox; resolves when it serves.
 * @throws Error with `code` EADDRINUSE where the port is taken; Error where the data directory
 *   holds something else
 */
export async function createSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const logger = options.logger ?? pino({ level: 'silent' });
  const server = http.createServer();
  const url = await listen(server, options);
  try {
    const keyPair = await keyPairFor(options);
    const core = await openCore(options, keyPair, logger);
    const certificateFile = certificateFileOf(options);
    return await serve(server, url, core, { ...options, keyPair, logger, certificateFile });
  } catch (error) {
    server.close();
    throw error;
  }
}

interface ServeOptions extends SandboxOptions {
  readonly keyPair: KeyPair;
  readonly logger: Logger;
  readonly certificateFile: string | undefined;
}

async function serve(
  server: http.Server,
  url: string,
  core: SandboxCore,
  options: ServeOptions,
): Promise<Sandbox> {
  const { keyPair, hmacSecret, apiKeys, callsPerMinute, workflowUrl, logger } = options;
  const { certificatePem } = keyPair;
  const { host = SANDBOX_DEFAULTS.host, certificateFile } = options;
  const control = new SandboxControl(core);
  const app = await createSandboxApp({
    ...{ core, control, apiKeys, callsPerMinute, workflowUrl, logger, certificatePem, host },
  });
  const handle = app.callback();
  server.on('request', (request, response) => void handle(request, response));
  return Object.assign(control, {
    ...{ url, apiUrl: `${url}/api/v1`, keyPair, hmacSecret, apiKeys },
    ...{ certificatePem, certificateUrl: `${url}${CERTIFICATE_PATH}`, certificateFile },
    close: async () => {
      const stopped = stop(server);
      await core.close();
      server.closeAllConnections();
      await stopped;
    },
  });
}
