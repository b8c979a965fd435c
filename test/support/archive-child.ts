/**
 * A process that archives one document, as a worker would, and reports its memory. Told a number,
 * it kills itself right before the file operation of that number, counted from 1.
 */
import { MockActivityEnvironment } from '@temporalio/testing';
import { createArchiveFiles } from '../../activities/archive-files.js';
import { createFileArchive } from '../../activities/archive/file-archive.js';
import { createProviderClient } from '../../provider/provider-client.js';
import { beforeFileOperations } from './file-operations.js';

const [origin = '', root = '', documentId = '', providerHash = '', killAt = '0'] =
  process.argv.slice(2);

let operations = 0;
await beforeFileOperations(() => {
  operations += 1;
  if (operations === Number(killAt)) process.kill(process.pid, 'SIGKILL');
});

const provider = createProviderClient({
  apiUrl: `${origin}/api/v1`,
  apiKey: 'a:b',
  timeoutMs: 10_000,
});
const archiveDocument = createArchiveFiles({ provider, archive: createFileArchive(root) });
const rssAtStart = process.memoryUsage.rss();
let rssAtMost = rssAtStart;
const sampling = setInterval(() => {
  rssAtMost = Math.max(rssAtMost, process.memoryUsage.rss());
}, 10);
const workflow = { workflowId: `document:${documentId}`, firstExecutionRunId: 'run' };
const input = { documentId, providerHash, changes: [], workflow };
await new MockActivityEnvironment().run(archiveDocument, input);
clearInterval(sampling);
provider.close();
process.stdout.write(JSON.stringify({ operations, grownBytes: rssAtMost - rssAtStart }));
