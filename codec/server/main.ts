/** The codec server's process. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pathToFileURL } from 'node:url';
import { pino, type Logger } from 'pino';
import { ConfigurationError } from '../../configuration/settings.js';
import { CODEC_PATH, createCodecApp } from './app.js';
import { readConfiguration, type CodecServerConfiguration } from './configuration.js';

const REQUEST_TIMEOUT_MS = 30_000;

/** A codec server that listens. */
export interface RunningCodecServer {
  /** What the Temporal UI and `--codec-endpoint` are given. */
  readonly endpoint: string;
  close(): Promise<void>;
}

/** Rejects with the system's error when it cannot listen. */
export async function startCodecServer(
  configuration: CodecServerConfiguration,
  logger: Logger = pino({ level: configuration.logLevel }),
): Promise<RunningCodecServer> {
  const handle = createCodecApp({ ...configuration, logger }).callback();
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    void handle(request, response);
  });
  server.listen(configuration.port, configuration.host);
  await once(server, 'listening');
  const { address, family, port } = server.address() as AddressInfo;
  const endpoint = `http://${family === 'IPv6' ? `[${address}]` : address}:${port}${CODEC_PATH}`;
  logger.info({ endpoint }, 'the codec server listens');
  return {
    endpoint,
    close: async () => {
      server.close();
      server.closeIdleConnections();
      await once(server, 'close');
    },
  };
}

async function main(): Promise<void> {
  const server = await startCodecServer(readConfiguration());
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      server.close().catch(fail);
    });
  }
}

function fail(error: unknown): void {
  const lines =
    error instanceof ConfigurationError
      ? error.problems
      : [error instanceof Error ? error.message : String(error)];
  for (const line of lines) console.error(line);
  process.exitCode = 1;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  main().catch(fail);
}
