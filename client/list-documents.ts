import { Client, type WorkflowExecutionInfo } from '@temporalio/client';
import { lookUpOptions } from '../codec/data-converter.js';
import { groupSlugOf, tagOf } from '../provider/resource-uri.js';
import { documentWorkflowId, SEARCH_ATTRIBUTES, WORKFLOW_TYPES } from '../workflows/contract.js';

/** Which documents; everything named must hold. */
export interface DocumentFilter {
  /** One of these statuses, such as `created` or `signed`. */
  readonly statuses?: readonly string[];
  /** One of these outcomes. */
  readonly outcomes?: readonly string[];
  /** Slug or resource URI. */
  readonly group?: string;
  readonly tag?: string;
  /** Waits for someone to send `retry`. */
  readonly needsAttention?: boolean;
  /** Its workflow is open, or is closed. */
  readonly isOpen?: boolean;
  /** Tracked at this time (ISO 8601) or later. */
  readonly since?: string;
  /** Open, or closed at this time (ISO 8601) or later. */
  readonly activeSince?: string;
  /** No more than so many; all unless told. */
  readonly limit?: number;
}

/** A document as Temporal's visibility lists it: a second or so behind its workflow. */
export interface ListedDocument {
  readonly documentId: string;
  readonly status: string;
  readonly outcome?: string;
  readonly group?: string;
  readonly tag?: string;
  /** ISO 8601 UTC, as all times here. */
  readonly deadline?: string;
  /** The failure type for which it waits for `retry`. */
  readonly attention?: string;
  /** Of its workflow: `running`, `completed`; `terminated`, `failed` … where someone interfered. */
  readonly workflow: string;
  /** When its workflow (the latest run of it) began. */
  readonly trackedAt: string;
  readonly closedAt?: string;
}

/**
 * Documents, newest first. Visibility lags behind: for the state of one document ask `progress`.
 * @throws RangeError for a filter that can match nothing
 */
export async function* listDocuments(
  client: Client,
  filter: DocumentFilter = {},
): AsyncGenerator<ListedDocument, void, undefined> {
  const { limit = Infinity } = filter;
  if (limit < 1) return;
  let count = 0;
  const query = documentQuery(filter);
  const { workflow } = new Client(lookUpOptions(client));
  for await (const execution of workflow.list({ query, pageSize: Math.min(limit, 1000) })) {
    yield listedDocument(execution);
    count += 1;
    if (count >= limit) return;
  }
}

/** Temporal's List Filter. Nothing in it is quoted that could hold a quote. */
export function documentQuery(filter: DocumentFilter): string {
  const { statuses, outcomes, group, tag, needsAttention, isOpen, since, activeSince } = filter;
  const { documentStatus, documentOutcome, documentGroup, documentTag, documentAttention } =
    SEARCH_ATTRIBUTES;
  return [
    `WorkflowType = '${WORKFLOW_TYPES.documentSigning}'`,
    // Of a document whose workflow continued as new, the latest run alone.
    `ExecutionStatus != 'ContinuedAsNew'`,
    ...(statuses?.length ? [`${documentStatus.name} IN (${words(statuses)})`] : []),
    ...(outcomes?.length ? [`${documentOutcome.name} IN (${words(outcomes)})`] : []),
    ...(group === undefined ? [] : [`${documentGroup.name} = '${checkedGroup(group)}'`]),
    ...(tag === undefined ? [] : [`${documentTag.name} = '${checkedTag(tag)}'`]),
    ...(needsAttention === true ? [`${documentAttention.name} IS NOT NULL`] : []),
    ...(isOpen === undefined ? [] : [`ExecutionStatus ${isOpen ? '=' : '!='} 'Running'`]),
    ...(since === undefined ? [] : [`StartTime >= '${checkedTime(since)}'`]),
    ...(activeSince === undefined
      ? []
      : [`(ExecutionStatus = 'Running' OR CloseTime >= '${checkedTime(activeSince)}')`]),
  ].join(' AND ');
}

function words(texts: readonly string[]): string {
  const wrong = texts.find((text) => !/^[\w.-]+$/.test(text));
  if (wrong !== undefined) throw new RangeError(`not a status or an outcome: ${wrong}`);
  return texts.map((text) => `'${text}'`).join(', ');
}

function checkedGroup(text: string): string {
  const slug = groupSlugOf(text);
  if (slug === undefined) throw new RangeError(`not a group's slug or URI: ${text}`);
  return slug;
}

function checkedTag(text: string): string {
  const tag = tagOf(text);
  if (tag === undefined) {
    throw new RangeError(`not a tag as the provider takes it, such as lease-12: ${text}`);
  }
  return tag;
}

function checkedTime(text: string): string {
  const timeMs = Date.parse(text);
  if (Number.isNaN(timeMs))
    throw new RangeError(`not a time such as 2030-01-31T12:00:00Z: ${text}`);
  return new Date(timeMs).toISOString();
}

function listedDocument(execution: WorkflowExecutionInfo): ListedDocument {
  const { typedSearchAttributes: found, workflowId, status, startTime, closeTime } = execution;
  const optional = {
    outcome: found.get(SEARCH_ATTRIBUTES.documentOutcome),
    group: found.get(SEARCH_ATTRIBUTES.documentGroup),
    tag: found.get(SEARCH_ATTRIBUTES.documentTag),
    deadline: found.get(SEARCH_ATTRIBUTES.documentDeadline)?.toISOString(),
    attention: found.get(SEARCH_ATTRIBUTES.documentAttention),
    closedAt: closeTime?.toISOString(),
  };
  return {
    documentId: workflowId.slice(documentWorkflowId('').length),
    status: found.get(SEARCH_ATTRIBUTES.documentStatus) ?? 'created',
    workflow: status.name.toLowerCase(),
    trackedAt: startTime.toISOString(),
    ...(Object.fromEntries(
      Object.entries(optional).filter(([, value]) => value !== undefined),
    ) as Partial<Record<keyof typeof optional, string>>),
  };
}
