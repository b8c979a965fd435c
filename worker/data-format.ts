/** The format of the data in a namespace: an older build keeps its hands off a newer one's. */
import { call } from './namespace.js';
import { NamespaceError, permitted, reasonsOf } from './permissions.js';
import type { NamespaceConnection } from './permissions.js';

/**
 * Of what workflows keep and histories hold. Raised by a version whose data an earlier one would
 * misread; `patched()` and optional fields need none of it.
 */
export const DATA_FORMAT = 1;

/** Under which the namespace's own data has it, as a decimal number. */
export const DATA_FORMAT_KEY = 'CountersignDataFormat';

/**
 * Refuses a namespace that a newer version has worked in, and otherwise notes our format there.
 * Where we lack the right to note it, that is a warning and not the end.
 * @returns what stands in the way of noting it; undefined where nothing does
 * @throws NamespaceError where its data are newer than this build understands
 */
export async function ensureDataFormat(
  connection: NamespaceConnection,
  namespace: string,
): Promise<string | undefined> {
  const { namespaceInfo } = await permitted(namespace, 'read its data', () =>
    call(connection, () => connection.workflowService.describeNamespace({ namespace })),
  );
  const noted = namespaceInfo?.data?.[DATA_FORMAT_KEY];
  if (noted !== undefined) requireUnderstood(noted, namespace);
  if (Number(noted) === DATA_FORMAT) return undefined;
  try {
    await call(connection, () =>
      connection.workflowService.updateNamespace({
        namespace,
        updateInfo: { data: { [DATA_FORMAT_KEY]: String(DATA_FORMAT) } },
      }),
    );
    return undefined;
  } catch (error) {
    return (
      `the data format ${DATA_FORMAT} is not noted in namespace ${namespace}, so an older ` +
      `version would not know of it: ${reasonsOf(error)}`
    );
  }
}

/** Whether data of the format noted can be read by this build. Pure. */
export function understands(noted: string): boolean {
  return /^\d{1,9}$/.test(noted) && Number(noted) <= DATA_FORMAT;
}

function requireUnderstood(noted: string, namespace: string): void {
  if (understands(noted)) return;
  throw new NamespaceError(
    `the data in namespace ${namespace} have the format ${noted}, and this build of Countersign ` +
      `understands formats up to ${DATA_FORMAT}: deploy the version that ran here before, or a ` +
      'newer one (docs/upgrading.md)',
  );
}
