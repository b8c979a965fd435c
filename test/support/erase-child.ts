/**
 * `countersign erase` as a process. Told an operation of the file system, it kills itself right
 * before the first one of that name on a path within the archive.
 */
import { beforeFileOperations } from './file-operations.js';

const [documentId = '', archiveFolder = '', killBefore = ''] = process.argv.slice(2);

await beforeFileOperations((name, path) => {
  const isOfArchive = path?.startsWith(archiveFolder) ?? false;
  if (name === killBefore && isOfArchive) process.kill(process.pid, 'SIGKILL');
});
process.argv.splice(2, Infinity, 'erase', documentId, '--yes');
await import('../../cli/run-process.js');
