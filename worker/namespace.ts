/** What Countersign needs of its Temporal namespace, ensured before the worker polls. */
import { SearchAttributeType } from '@temporalio/common';
import { isGrpcServiceError } from '@temporalio/client';
import proto from '@temporalio/proto';
import { setTimeout as delay } from 'node:timers/promises';
import { SEARCH_ATTRIBUTES } from '../workflows/contract.js';
import { NamespaceError, permitted, reasonsOf, refusal } from './permissions.js';
import type { NamespaceConnection } from './permissions.js';

const { IndexedValueType } = proto.temporal.api.enums.v1;
type IndexedValueType = proto.temporal.api.enums.v1.IndexedValueType;

const INDEXED_TYPES = {
  [SearchAttributeType.TEXT]: IndexedValueType.INDEXED_VALUE_TYPE_TEXT,
  [SearchAttributeType.KEYWORD]: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
  [SearchAttributeType.INT]: IndexedValueType.INDEXED_VALUE_TYPE_INT,
  [SearchAttributeType.DOUBLE]: IndexedValueType.INDEXED_VALUE_TYPE_DOUBLE,
  [SearchAttributeType.BOOL]: IndexedValueType.INDEXED_VALUE_TYPE_BOOL,
  [SearchAttributeType.DATETIME]: IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
  [SearchAttributeType.KEYWORD_LIST]: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
} as const;

const CALL_DEADLINE_MS = 10_000;

/** A production cluster takes a second or two until every process knows a new attribute. */
const USABLE_DEADLINE_MS = 60_000;
const USABLE_POLL_MS = 250;

/**
 * Registers missing search attributes, and returns once a query on all of them is accepted: also
 * where another worker has registered them a moment ago.
 * @throws NamespaceError that says which right is missing, or which attribute is of another type
 */
export async function ensureSearchAttributes(
  connection: NamespaceConnection,
  namespace: string,
): Promise<void> {
  const known = await permitted(namespace, 'list search attributes', () =>
    call(connection, () => connection.operatorService.listSearchAttributes({ namespace })),
  );
  const { missing, wrong } = compareSearchAttributes(known.customAttributes);
  const [first] = wrong;
  if (first) throw new NamespaceError(otherType(namespace, first));
  if (Object.keys(missing).length > 0) await addSearchAttributes(connection, namespace, missing);
  await untilUsable(connection, namespace);
}

/** A search attribute that exists with another type than Countersign's. */
export interface WrongSearchAttribute {
  readonly name: string;
  /** Types, by the server's names. */
  readonly wanted: string;
  readonly actual: string;
}

/** Search attributes that a namespace lacks, with their types, and those of another type. */
export function compareSearchAttributes(known: Readonly<Record<string, IndexedValueType>>): {
  readonly missing: Record<string, IndexedValueType>;
  readonly wrong: readonly WrongSearchAttribute[];
} {
  const missing: Record<string, IndexedValueType> = {};
  const wrong: WrongSearchAttribute[] = [];
  for (const { name, type } of Object.values(SEARCH_ATTRIBUTES)) {
    const wanted = INDEXED_TYPES[type];
    const actual = known[name];
    if (actual === undefined) missing[name] = wanted;
    else if (actual !== wanted) {
      wrong.push({ name, wanted: IndexedValueType[wanted], actual: IndexedValueType[actual] });
    }
  }
  return { missing, wrong };
}

function otherType(namespace: string, { name, wanted, actual }: WrongSearchAttribute): string {
  return (
    `the search attribute ${name} of namespace ${namespace} is ${actual}, but Countersign needs ` +
    `${wanted}: remove or rename it, or use another namespace`
  );
}

async function addSearchAttributes(
  connection: NamespaceConnection,
  namespace: string,
  searchAttributes: Record<string, IndexedValueType>,
): Promise<void> {
  try {
    await call(connection, () =>
      connection.operatorService.addSearchAttributes({ namespace, searchAttributes }),
    );
  } catch (error) {
    // Another worker that starts at the same moment may have been first.
    if (isGrpcServiceError(error) && /already exists/i.test(error.details)) return;
    throw new NamespaceError(
      `search attributes are missing in namespace ${namespace} and could not be added ` +
        `(${reasonsOf(error)}): give this worker the right to, or have them added: ` +
        `temporal operator search-attribute create -n ${namespace} ${optionsFor(searchAttributes)}`,
    );
  }
}

/** As the command line takes them. */
function optionsFor(searchAttributes: Readonly<Record<string, IndexedValueType>>): string {
  const words = new Map<number, string>(
    Object.entries(INDEXED_TYPES).map(([word, number]) => [number, pascalCase(word)]),
  );
  return Object.entries(searchAttributes)
    .map(([name, type]) => `--name ${name} --type ${words.get(type) ?? ''}`)
    .join(' ');
}

/** `KEYWORD_LIST` as the server's tools spell it: `KeywordList`. */
function pascalCase(word: string): string {
  return word
    .split('_')
    .map((part) => `${part.charAt(0)}${part.slice(1).toLowerCase()}`)
    .join('');
}

async function untilUsable(connection: NamespaceConnection, namespace: string): Promise<void> {
  const query = Object.values(SEARCH_ATTRIBUTES)
    .map(({ name }) => `${name} IS NOT NULL`)
    .join(' OR ');
  const deadlineMs = Date.now() + USABLE_DEADLINE_MS;
  for (;;) {
    try {
      await call(connection, () =>
        connection.workflowService.countWorkflowExecutions({ namespace, query }),
      );
      return;
    } catch (error) {
      const refused = refusal(namespace, 'count workflows', error);
      if (refused) throw refused;
      if (Date.now() > deadlineMs) {
        throw new NamespaceError(
          `search attributes are still not usable in namespace ${namespace}: ${reasonsOf(error)}`,
        );
      }
      await delay(USABLE_POLL_MS);
    }
  }
}

/**
 * Raises the namespace's retention to at least the given time: for as long a closed document is
 * known to be closed. Where we lack the right to, that is a warning and not the end.
 * @returns what was done, or what stands in the way; undefined where nothing was to be done
 */
export async function ensureRetention(
  connection: NamespaceConnection,
  namespace: string,
  retentionMs: number,
): Promise<string | undefined> {
  const { config } = await permitted(namespace, 'read the retention', () =>
    call(connection, () => connection.workflowService.describeNamespace({ namespace })),
  );
  const currentS = Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0);
  const wantedS = Math.ceil(retentionMs / 1000);
  // Zero means for ever.
  if (currentS === 0 || currentS >= wantedS) return undefined;
  try {
    await call(connection, () =>
      connection.workflowService.updateNamespace({
        namespace,
        config: { workflowExecutionRetentionTtl: { seconds: wantedS as unknown as Long } },
      }),
    );
    return `retention of namespace ${namespace} raised from ${currentS} s to ${wantedS} s`;
  } catch (error) {
    return `retention of namespace ${namespace} stays at ${currentS} s: ${reasonsOf(error)}`;
  }
}

/** Makes a call that does not wait for ever. */
export function call<Result>(
  connection: NamespaceConnection,
  make: () => Promise<Result>,
): Promise<Result> {
  return connection.withDeadline(Date.now() + CALL_DEADLINE_MS, make);
}
