import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { test } from 'node:test';
import { call, startTestSandbox } from './support/sandbox-stage.js';

/** Far less than the minute that the PDF would take, far more than closing takes. */
const AT_ONCE_MS = 2000;

/** Closes while a PDF is late, and says so. The process then must have nothing left to wait for. */
const SCRIPT = `
const { createSandbox } = await import('./sandbox/index.ts');
const sandbox = await createSandbox({ batchIntervalMs: 0 });
const { id } = sandbox.createDocument();
await sandbox.completeDocument(id);
sandbox.changeFaults({ slowPdfMs: 60_000 });
const asked = new Promise((resolve) => {
  const headers = { Authorization: 'ApiKey tester:secret' };
  const request = http.get(sandbox.apiUrl + '/pdf/' + id + '/', { headers });
  request.on('error', () => undefined).on('finish', resolve);
});
await asked;
await fetch(sandbox.apiUrl + '/status/', { headers: { Authorization: 'ApiKey a:b' } });
await sandbox.close();
console.log('closed');
`;

test('closing cuts a PDF that takes a minute, and leaves nothing behind that runs', async () => {
  const imports = `import http from 'node:http';`;
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '-e', imports + SCRIPT],
    { cwd: new URL('..', import.meta.url), stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await once(child.stdout, 'data');
  const begin = performance.now();
  const hurry = setTimeout(() => child.kill('SIGKILL'), AT_ONCE_MS);
  const [code] = (await once(child, 'exit')) as [number | null];
  clearTimeout(hurry);
  assert.equal(code, 0, `still running ${Math.round(performance.now() - begin)} ms after closing`);
});

test('a client that waits for a slow PDF is cut off', async (t) => {
  const sandbox = await startTestSandbox(t);
  const { id } = sandbox.createDocument();
  await sandbox.completeDocument(id);
  sandbox.changeFaults({ slowPdfMs: 60_000 });
  const headers = { Authorization: 'ApiKey tester:secret' };
  const request = http.get(`${sandbox.apiUrl}/pdf/${id}/`, { headers });
  const failed = once(request, 'error') as Promise<[NodeJS.ErrnoException]>;
  await once(request, 'finish');
  // By its answer the slow request has come in too.
  await call(`${sandbox.apiUrl}/status/`);
  const begin = performance.now();
  await sandbox.close();
  assert.ok(performance.now() - begin < AT_ONCE_MS);
  assert.equal((await failed)[0].code, 'ECONNRESET');
});
