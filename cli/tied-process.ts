import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** How long a tied process has, once we are gone, between SIGTERM and SIGKILL: seconds. */
const ORPHAN_GRACE_S = 10;

/**
 * Watches our end of a pipe in the background, then becomes the program. The program's process ID,
 * exit code and signal are thus those of the child that we spawned. Nobody ever writes to the pipe,
 * so `read` returns when we are gone, however we went. It signals the process group, which cannot
 * be anybody else's while the watcher itself belongs to it, as a bare process ID could.
 */
const TIED = `
exec 3<&0 </dev/null
(
  trap '' TERM HUP INT
  exec >/dev/null 2>&1
  read -r nothing <&3
  kill -s TERM -- -$$
  seconds=0
  while [ $seconds -lt ${ORPHAN_GRACE_S} ] && kill -0 $$; do
    sleep 1
    seconds=$((seconds + 1))
  done
  kill -s KILL -- -$$
) &
exec 3<&- "$@"
`;

/** How a process ended: by itself with a code, or by a signal. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A running child. */
export interface TiedProcess {
  /** The program's own process ID, not a wrapper's. */
  readonly pid: number;
  /** Resolves when it has ended; never rejects. */
  readonly exited: Promise<ProcessExit>;
  /** Does nothing when it has ended already. */
  readonly kill: (signal: NodeJS.Signals) => void;
}

/**
 * Spawns a program that does not outlive this process, not even when this one is killed by SIGKILL:
 * it then gets SIGTERM, and SIGKILL 10 s later. It leads its own session, so a terminal's Ctrl-C
 * does not reach it: whoever spawned it decides when it ends. A program that cannot be run exits
 * with 126 or 127, as sh has it, and the reason in `output`.
 *
 * On Windows, which has no sh, it is a plain child and may outlive a killed parent.
 * @param output file descriptor for both its stdout and its stderr
 * @param where its folder and environment; ours unless told
 * @throws when the system cannot start a process
 */
export async function spawnTied(
  command: string,
  args: readonly string[],
  output: number,
  where: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<TiedProcess> {
  const child =
    process.platform === 'win32'
      ? spawn(command, args, {
          ...where,
          stdio: ['ignore', output, output],
          windowsHide: true,
        })
      : spawn('/bin/sh', ['-c', TIED, 'countersign', command, ...args], {
          ...where,
          detached: true,
          stdio: ['pipe', output, output],
        });
  const exited = new Promise<ProcessExit>((resolve) => {
    child.once('exit', (code, signal) => {
      endWatcher(child);
      resolve({ code, signal });
    });
  });
  await once(child, 'spawn');
  return { pid: pidOf(child), exited, kill: (signal) => void child.kill(signal) };
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error('a process was spawned without an ID');
  return child.pid;
}

/** The program is gone: its watcher, all that is left of the group, has nothing to wait for. */
function endWatcher(child: ChildProcess): void {
  child.stdin?.destroy();
  if (process.platform === 'win32') return;
  try {
    process.kill(-pidOf(child), 'SIGKILL');
  } catch (error) {
    // Nobody is left in the group.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
