import { ConfigurationError } from '../../configuration/settings.js';
import { oneLine, ok, problem, skipped, type Check } from './check.js';

/** Settings of one process, or what is wrong with them. */
export type Read<Configuration> =
  | { readonly kind: 'read'; readonly configuration: Configuration }
  | { readonly kind: 'wrong'; readonly problems: readonly string[] };

/** Reads without throwing. */
export function tryRead<Configuration>(read: () => Configuration): Read<Configuration> {
  try {
    return { kind: 'read', configuration: read() };
  } catch (error) {
    const isOurs = error instanceof ConfigurationError;
    return { kind: 'wrong', problems: isOurs ? error.problems : [oneLine(error)] };
  }
}

/** All that is wrong with a process's settings, at once. */
export function settingsCheck(name: string, read: Read<unknown>): Check {
  return {
    name,
    run: () =>
      Promise.resolve(
        read.kind === 'read'
          ? ok('readable')
          : problem(read.problems.join('; '), 'Mend these variables; README "Settings" lists all.'),
      ),
  };
}

/** A check that needs settings which may not be readable: then it is skipped. */
export function configured<Configuration>(
  name: string,
  read: Read<Configuration>,
  make: (configuration: Configuration) => Check,
): Check {
  if (read.kind === 'read') return make(read.configuration);
  return { name, run: () => Promise.resolve(skipped('its settings are not readable')) };
}
