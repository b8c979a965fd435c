/**
 * What a workflow costs in Temporal Actions, read from its history. Pure.
 *
 * An Action is what Temporal Cloud bills. The rules, as its documentation gives them
 * (https://docs.temporal.io/cloud/actions), and where a history shows them:
 * - a workflow started, by a client or by continue-as-new: 1;
 * - a signal: 1. A signal-with-start is one Action in all, whether or not it starts the workflow;
 *   in a history a signal right behind the start, before any Workflow Task, was one;
 * - an activity started or retried: 1 each. ActivityTaskStarted is written with the last attempt
 *   alone and counts them all;
 * - a timer started: 1, also one that the SDK starts for a timeout;
 * - search attributes upserted: 1 for each command, whatever the number of attributes; what is set
 *   at the start is free, and so is TemporalChangeVersion;
 * - markers (local activities and the like): 1 for all those of one Workflow Task;
 * - an update accepted: 1; execution options updated: 1; a child workflow: 1 beside its own start.
 *
 * Billed but in no history, and so not counted: heartbeats that reach the server, queries, rejected
 * updates, Schedules, exports. A start or signal that the server refuses (a redelivered batch, a
 * document that is closed) leaves no event either. Nexus is not used here.
 */
import proto from '@temporalio/proto';

const { EventType } = proto.temporal.api.enums.v1;

/** An event as `fetchHistory` gives it. */
export type HistoryEvent = proto.temporal.api.history.v1.IHistoryEvent;

/** Billable Actions of one kind; the name tells signals, activities and updates apart. */
export interface ActionCount {
  readonly kind: ActionKind;
  readonly name: string;
  readonly count: number;
}

/** What is billed. */
export type ActionKind =
  | 'start'
  | 'signal'
  | 'activity'
  | 'timer'
  | 'search attributes'
  | 'markers'
  | 'update'
  | 'options'
  | 'child workflow';

/** The billable Actions in one run's history, in the order of their first appearance. */
export function temporalActions(events: readonly HistoryEvent[]): readonly ActionCount[] {
  const activityTypes = activityTypesOf(events);
  const markedTasks = new Set<string>();
  const found = events.flatMap((event, index) => {
    if (isFreeSignal(events, index)) return [];
    if (event.markerRecordedEventAttributes) {
      const task = String(event.markerRecordedEventAttributes.workflowTaskCompletedEventId);
      if (markedTasks.has(task)) return [];
      markedTasks.add(task);
    }
    return actionOf(event, activityTypes);
  });
  return sumOf(found);
}

/** Adds up Actions of the same kind and name. */
export function sumOf(actions: readonly ActionCount[]): readonly ActionCount[] {
  const sums = new Map<string, ActionCount>();
  for (const action of actions) {
    const key = `${action.kind} ${action.name}`;
    const count = (sums.get(key)?.count ?? 0) + action.count;
    sums.set(key, { ...action, count });
  }
  return [...sums.values()];
}

/** All of them together. */
export function totalOf(actions: readonly ActionCount[]): number {
  return actions.reduce((total, { count }) => total + count, 0);
}

/** The signal of a signal-with-start: billed as its start. */
function isFreeSignal(events: readonly HistoryEvent[], index: number): boolean {
  return (
    events[index]?.eventType === EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED &&
    events[index - 1]?.eventType === EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED
  );
}

function activityTypesOf(events: readonly HistoryEvent[]): ReadonlyMap<string, string> {
  return new Map(
    events.map(({ eventId, activityTaskScheduledEventAttributes: scheduled }) => [
      String(eventId),
      scheduled?.activityType?.name ?? '',
    ]),
  );
}

function actionOf(
  event: HistoryEvent,
  activityTypes: ReadonlyMap<string, string>,
): readonly ActionCount[] {
  const one = (kind: ActionKind, name = ''): ActionCount[] => [{ kind, name, count: 1 }];
  switch (event.eventType) {
    case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
      return one('start');
    case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
      return one('signal', event.workflowExecutionSignaledEventAttributes?.signalName ?? '');
    case EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED: {
      const { scheduledEventId, attempt } = event.activityTaskStartedEventAttributes ?? {};
      const name = activityTypes.get(String(scheduledEventId)) ?? '';
      return [{ kind: 'activity', name, count: attempt ?? 1 }];
    }
    case EventType.EVENT_TYPE_TIMER_STARTED:
      return one('timer');
    case EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
      return isVersionMark(event) ? [] : one('search attributes');
    case EventType.EVENT_TYPE_MARKER_RECORDED:
      return one('markers');
    case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
      return one('update', updateNameOf(event));
    case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED:
      return one('options');
    case EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
      return one('child workflow');
    default:
      return [];
  }
}

function isVersionMark(event: HistoryEvent): boolean {
  const { searchAttributes } = event.upsertWorkflowSearchAttributesEventAttributes ?? {};
  const names = Object.keys(searchAttributes?.indexedFields ?? {});
  return names.length === 1 && names[0] === 'TemporalChangeVersion';
}

function updateNameOf(event: HistoryEvent): string {
  return event.workflowExecutionUpdateAcceptedEventAttributes?.acceptedRequest?.input?.name ?? '';
}
