/** How package.json starts a process: what is measured has the same flags. */
import { readFileSync } from 'node:fs';

/** The flags for node in one of its scripts. */
export function startFlags(script: 'start:worker' | 'start:webhook'): string[] {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  const { scripts } = JSON.parse(text) as { scripts: Record<string, string> };
  return (scripts[script] ?? '').split(' ').filter((word) => word.startsWith('--'));
}
