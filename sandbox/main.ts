/** Runs the sandbox alone. */
import { once } from 'node:events';
import { pino } from 'pino';
import { ConfigurationError } from '../configuration/settings.js';
import { readSandboxConfiguration } from './configuration.js';
import { createSandbox, type Sandbox, type SandboxOptions } from './index.js';

function complain(lines: string): void {
  process.stderr.write(`${lines}\n`);
  process.exitCode = 1;
}

function describe(error: unknown, { host = '', port = 0 }: SandboxOptions): string {
  if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') {
    return `Port ${port} on ${host} is in use: set SANDBOX_PORT to another one.`;
  }
  return error instanceof Error ? error.message : String(error);
}

function configuration(): SandboxOptions | undefined {
  try {
    return readSandboxConfiguration();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    complain(error.message);
    return undefined;
  }
}

async function start(options: SandboxOptions): Promise<Sandbox | undefined> {
  try {
    return await createSandbox({ ...options, logger: pino(pino.destination(2)) });
  } catch (error) {
    complain(describe(error, options));
    return undefined;
  }
}

function announcement({ url, apiUrl, certificateUrl, certificateFile }: Sandbox): string {
  const kept = certificateFile === undefined ? '' : `, kept as ${certificateFile}`;
  return [
    `Sandbox      ${url}`,
    `API          ${apiUrl}`,
    `Certificate  ${certificateUrl}${kept}\n`,
  ].join('\n');
}

async function run(): Promise<void> {
  const options = configuration();
  const sandbox = options && (await start(options));
  if (!sandbox) return;
  process.stdout.write(announcement(sandbox));
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  await sandbox.close();
}

await run();
