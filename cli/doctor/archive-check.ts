import { openArchive } from '../../activities/index.js';
import type { WorkerConfiguration } from '../../worker/configuration.js';
import { oneLine, ok, problem, warning, type Check } from './check.js';

/** Whether documents could be archived. Leaves nothing behind, in a folder as in a bucket. */
export function archiveCheck({ archiveUrl, archiveS3 }: WorkerConfiguration): Check {
  return {
    name: 'archive',
    run: async () => {
      try {
        const archive = openArchive(archiveUrl, { s3: archiveS3 });
        return (await archive.tryOut()) === 'writable'
          ? ok(`${archiveUrl} is writable`)
          : warning(
              `${archiveUrl} is readable and empty: writing was not tried, it would leave an object`,
              'The first document shows it; see docs/storage.md for the permissions.',
            );
      } catch (error) {
        return problem(
          `${archiveUrl} cannot be written to: ${oneLine(error)}`,
          'Give the worker the right to write there and room, or set ARCHIVE_URL.',
        );
      }
    },
  };
}
