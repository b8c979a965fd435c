import { promises, constants } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

type Operation = (...parameters: unknown[]) => unknown;

/** Operations of the file system, by Node's names, that change what a crash would leave. */
const ON_PATHS = ['open', 'mkdir', 'rename', 'rm'] as const;
const ON_HANDLES = ['writeFile', 'sync'] as const;

/** The path is of operations on paths alone. The operation waits for what it returns. */
export type Before = (name: string, path: string | undefined) => void | Promise<void>;

function hook(owner: Record<string, Operation>, name: string, before: Before): void {
  const original = owner[name];
  if (original === undefined) throw new Error(`no operation ${name}`);
  owner[name] = async function hooked(this: unknown, ...parameters: unknown[]) {
    const [path] = parameters;
    await before(name, typeof path === 'string' ? path : undefined);
    return original.apply(this, parameters);
  };
}

/**
 * Calls a function right before every such operation of this process, from now on. The state of the
 * files at that moment is what a process killed there leaves behind. One that throws makes the
 * operation fail. `more`: other operations on paths, where it matters what others do meanwhile.
 */
export async function beforeFileOperations(
  before: Before,
  more: readonly string[] = [],
): Promise<void> {
  const handle = await promises.open('/dev/null', constants.O_RDONLY);
  const handles = Object.getPrototypeOf(handle) as Record<string, Operation>;
  await handle.close();
  for (const name of ON_HANDLES) hook(handles, name, (each) => before(each, undefined));
  for (const name of [...ON_PATHS, ...more]) {
    hook(promises as unknown as Record<string, Operation>, name, before);
  }
  syncBuiltinESMExports();
}
