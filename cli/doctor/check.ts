/** What a check of the doctor is, and how many of them are carried out at once. */

/** How a subject was found. A warning does not keep Countersign from its work; a problem does. */
export type FindingState = 'ok' | 'warning' | 'problem' | 'skipped';

/** What a check says. */
export interface Verdict {
  readonly state: FindingState;
  /** What was found, in a line. */
  readonly found: string;
  /** The next step; empty where nothing is to be done. */
  readonly todo: string;
}

/** A check's verdict under its name. */
export interface Finding extends Verdict {
  readonly name: string;
}

/** One question to a set-up. It changes nothing there. */
export interface Check {
  readonly name: string;
  /** Names of checks that have to go well before this one makes sense. */
  readonly needs?: readonly string[];
  /** What it throws is a problem. The signal ends with the time that each check has. */
  run(signal: AbortSignal): Promise<Verdict>;
}

export function ok(found: string): Verdict {
  return { state: 'ok', found, todo: '' };
}

export function warning(found: string, todo: string): Verdict {
  return { state: 'warning', found, todo };
}

export function problem(found: string, todo: string): Verdict {
  return { state: 'problem', found, todo };
}

export function skipped(found: string): Verdict {
  return { state: 'skipped', found, todo: '' };
}

/**
 * Carries out all checks, each as soon as those that it needs went well.
 * @param limitMs of one check, in ms; what takes longer is a problem
 * @returns findings in the order of the checks; never rejects
 */
export function runChecks(checks: readonly Check[], limitMs: number): Promise<readonly Finding[]> {
  const findings = new Map<string, Promise<Finding>>();
  const byName = new Map(checks.map((check) => [check.name, check]));
  const findingOf = (check: Check): Promise<Finding> => {
    const known = findings.get(check.name) ?? decide(check);
    findings.set(check.name, known);
    return known;
  };
  const decide = async (check: Check): Promise<Finding> => {
    for (const name of check.needs ?? []) {
      const needed = byName.get(name);
      if (!needed) continue;
      const { state } = await findingOf(needed);
      if (state === 'problem' || state === 'skipped') {
        return { name: check.name, ...skipped(`needs: ${name}`) };
      }
    }
    return { name: check.name, ...(await within(check, limitMs)) };
  };
  return Promise.all(checks.map(findingOf));
}

async function within(check: Check, limitMs: number): Promise<Verdict> {
  const ending = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Verdict>((resolve) => {
    timer = setTimeout(() => {
      resolve(
        problem(`no answer within ${limitMs} ms`, 'See whether it is slow or away; --timeout.'),
      );
      ending.abort(new Error(`not within ${limitMs} ms`));
    }, limitMs);
  });
  try {
    return await Promise.race([check.run(ending.signal), late]);
  } catch (error) {
    return problem(oneLine(error), 'See the message.');
  } finally {
    clearTimeout(timer);
  }
}

/** An error's message on one line. */
export function oneLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/\s*\n\s*/g, ' ').trim();
}
