import assert from 'node:assert/strict';
import { test } from 'node:test';
import proto from '@temporalio/proto';
import { sumOf, temporalActions, totalOf } from '../bench/temporal-actions.js';
import type { HistoryEvent } from '../bench/temporal-actions.js';

const { EventType } = proto.temporal.api.enums.v1;

const STARTED: HistoryEvent = { eventType: EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED };
const TASK: HistoryEvent = { eventType: EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED };

function signal(signalName: string): HistoryEvent {
  return {
    eventType: EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
    workflowExecutionSignaledEventAttributes: { signalName },
  };
}

function activity(id: number, name: string, attempt: number): HistoryEvent[] {
  return [
    {
      eventId: id as never,
      eventType: EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
      activityTaskScheduledEventAttributes: { activityType: { name } },
    },
    {
      eventType: EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED,
      activityTaskStartedEventAttributes: { scheduledEventId: id as never, attempt },
    },
    { eventType: EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED },
  ];
}

function upsert(...names: string[]): HistoryEvent {
  const indexedFields = Object.fromEntries(names.map((name) => [name, {}]));
  return {
    eventType: EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
    upsertWorkflowSearchAttributesEventAttributes: { searchAttributes: { indexedFields } },
  };
}

function marker(workflowTask: number): HistoryEvent {
  return {
    eventType: EventType.EVENT_TYPE_MARKER_RECORDED,
    markerRecordedEventAttributes: {
      markerName: 'core_local_activity',
      workflowTaskCompletedEventId: workflowTask as never,
    },
  };
}

test('a plain start and each signal after it are one action each', () => {
  assert.deepEqual(temporalActions([STARTED, TASK, signal('told'), signal('told')]), [
    { kind: 'start', name: '', count: 1 },
    { kind: 'signal', name: 'told', count: 2 },
  ]);
});

test('a signal-with-start is one action, and later signals are their own', () => {
  const actions = temporalActions([STARTED, signal('told'), signal('told'), TASK]);
  assert.deepEqual(actions, [
    { kind: 'start', name: '', count: 1 },
    { kind: 'signal', name: 'told', count: 1 },
  ]);
});

test('an activity counts with every attempt, under its own name', () => {
  assert.deepEqual(
    temporalActions([...activity(5, 'announce', 1), ...activity(8, 'archiveDocument', 3)]),
    [
      { kind: 'activity', name: 'announce', count: 1 },
      { kind: 'activity', name: 'archiveDocument', count: 3 },
    ],
  );
});

test('an upsert is one action whatever the number of attributes, and a version mark none', () => {
  const events = [upsert('DocumentStatus', 'SignerIds'), upsert('TemporalChangeVersion')];
  assert.deepEqual(temporalActions(events), [{ kind: 'search attributes', name: '', count: 1 }]);
});

test('markers of one Workflow Task are one action together', () => {
  const actions = temporalActions([marker(4), marker(4), marker(9)]);
  assert.deepEqual(actions, [{ kind: 'markers', name: '', count: 2 }]);
});

test('a timer, an update and a child workflow are one action each', () => {
  const actions = temporalActions([
    { eventType: EventType.EVENT_TYPE_TIMER_STARTED },
    {
      eventType: EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
      workflowExecutionUpdateAcceptedEventAttributes: {
        acceptedRequest: { input: { name: 'waitForOutcome' } },
      },
    },
    { eventType: EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED },
  ]);
  assert.deepEqual(
    actions.map(({ kind, name }) => `${kind} ${name}`.trim()),
    ['timer', 'update waitForOutcome', 'child workflow'],
  );
  assert.equal(totalOf(actions), 3);
});

test('Workflow Tasks, ends of timers and activities, and completion cost nothing', () => {
  const free = [
    EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED,
    EventType.EVENT_TYPE_TIMER_FIRED,
    EventType.EVENT_TYPE_TIMER_CANCELED,
    EventType.EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
  ];
  assert.deepEqual(temporalActions(free.map((eventType) => ({ eventType }))), []);
});

test('actions of several histories add up by kind and name', () => {
  const one = temporalActions([STARTED, TASK, signal('told')]);
  const other = temporalActions([STARTED, TASK, signal('asked')]);
  assert.deepEqual(sumOf([...one, ...other]), [
    { kind: 'start', name: '', count: 2 },
    { kind: 'signal', name: 'told', count: 1 },
    { kind: 'signal', name: 'asked', count: 1 },
  ]);
});
