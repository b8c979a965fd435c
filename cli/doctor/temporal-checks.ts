import { isGrpcServiceError, type Client, type Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { SEARCH_ATTRIBUTES } from '../../workflows/contract.js';
import { DATA_FORMAT, DATA_FORMAT_KEY, understands } from '../../worker/data-format.js';
import { compareSearchAttributes } from '../../worker/namespace.js';
import { oneLine, ok, problem, warning, type Check, type Verdict } from './check.js';

const { TaskQueueType, WorkerVersioningMode: Mode } = proto.temporal.api.enums.v1;

/** gRPC's NOT_FOUND. */
const NOT_FOUND = 5;

/** A worker asks again at least once a minute. */
const POLLED_WITHIN_MS = 100_000;

/** What the checks of Temporal ask. */
export interface TemporalTarget {
  readonly client: Client;
  readonly connection: Connection;
  readonly address: string;
  /** How long a single call may take, in ms. */
  readonly limitMs: number;
}

/** Calls with a deadline: without one a call to a server that is away hangs. */
export function asking<Answer>(
  { client, limitMs }: Pick<TemporalTarget, 'client' | 'limitMs'>,
  ask: () => Promise<Answer>,
): Promise<Answer> {
  return client.withDeadline(Date.now() + limitMs, ask);
}

/** Whether a server answers, and which. */
export function temporalCheck(target: TemporalTarget): Check {
  const { client, address } = target;
  return {
    name: 'Temporal server',
    run: async () => {
      try {
        // A call alone would be repeated for longer than anybody waits.
        await target.connection.ensureConnected();
        const info = await asking(target, () => client.workflowService.getSystemInfo({}));
        return ok(`${address}, version ${info.serverVersion}`);
      } catch (error) {
        return problem(
          `${address} does not answer: ${oneLine(error)}`,
          'Start it, or set TEMPORAL_ADDRESS (and TLS or TEMPORAL_API_KEY) or a profile.',
        );
      }
    },
  };
}

/** Whether the namespace is there. */
export function namespaceCheck(target: TemporalTarget): Check {
  const { client } = target;
  const { namespace } = client.options;
  return {
    name: 'namespace',
    needs: ['Temporal server'],
    run: async () => {
      try {
        await asking(target, () => client.workflowService.describeNamespace({ namespace }));
        return ok(namespace);
      } catch (error) {
        if (!isGrpcServiceError(error)) throw error;
        const code: number = error.code;
        if (code !== NOT_FOUND) throw error;
        return problem(
          `the server has no namespace ${namespace}`,
          `Create it (temporal operator namespace create -n ${namespace}) or set TEMPORAL_NAMESPACE.`,
        );
      }
    },
  };
}

/** Whether a newer version has worked in the namespace. */
export function dataFormatCheck(target: TemporalTarget): Check {
  const { client } = target;
  const { namespace } = client.options;
  return {
    name: 'data format',
    needs: ['namespace'],
    run: async () => {
      const { namespaceInfo } = await asking(target, () =>
        client.workflowService.describeNamespace({ namespace }),
      );
      return dataFormatVerdict(namespaceInfo?.data?.[DATA_FORMAT_KEY]);
    },
  };
}

/** Pure. */
export function dataFormatVerdict(noted: string | undefined): Verdict {
  if (noted === undefined) return ok('no worker has noted one yet');
  if (understands(noted)) return ok(`format ${noted}, understood up to ${DATA_FORMAT}`);
  return problem(
    `the data have the format ${noted}, and this build understands formats up to ${DATA_FORMAT}`,
    'Deploy the version that ran here before, or a newer one (docs/upgrading.md).',
  );
}

/** Whether closed workflows are kept as long as the settings want. */
export function retentionCheck(target: TemporalTarget, wantedMs: number): Check {
  const { client } = target;
  const { namespace } = client.options;
  return {
    name: 'retention',
    needs: ['namespace'],
    run: async () => {
      const { config } = await asking(target, () =>
        client.workflowService.describeNamespace({ namespace }),
      );
      return retentionVerdict(
        Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) * 1000,
        wantedMs,
      );
    },
  };
}

const DAY_MS = 86_400_000;

/** Zero stands for ever. Pure. */
export function retentionVerdict(actualMs: number, wantedMs: number): Verdict {
  const days = (ms: number): string => `${Math.round((ms / DAY_MS) * 10) / 10} days`;
  if (actualMs === 0) return ok('closed workflows are kept for ever');
  if (actualMs >= wantedMs) return ok(`closed workflows are kept ${days(actualMs)}`);
  return warning(
    `closed workflows are kept ${days(actualMs)}, wanted are ${days(wantedMs)}`,
    'Start a worker, which raises it; or raise it yourself: temporal operator namespace update --retention.',
  );
}

/** Whether every search attribute is registered with its type. */
export function searchAttributesCheck(target: TemporalTarget): Check {
  const { client } = target;
  const { namespace } = client.options;
  return {
    name: 'search attributes',
    needs: ['namespace'],
    run: async () => {
      const { customAttributes } = await asking(target, () =>
        target.connection.operatorService.listSearchAttributes({ namespace }),
      );
      const { missing, wrong } = compareSearchAttributes(customAttributes);
      if (wrong.length > 0) {
        return problem(
          wrong.map(({ name, actual, wanted }) => `${name} is ${actual}, not ${wanted}`).join('; '),
          'Remove or rename them, or use another namespace.',
        );
      }
      const names = Object.keys(missing);
      if (names.length > 0) {
        return problem(`not registered: ${names.join(', ')}`, 'Start a worker: it registers them.');
      }
      return ok(`all ${Object.keys(SEARCH_ATTRIBUTES).length} registered`);
    },
  };
}

/** Whether a worker polls the task queue, for workflows and for activities, and gets any. */
export function workersCheck(target: TemporalTarget, taskQueue: string): Check {
  return {
    name: 'workers',
    needs: ['namespace'],
    run: async () => {
      const [workflow, activity] = await Promise.all([
        pollingOf(target, taskQueue, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW),
        pollingOf(target, taskQueue, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY),
      ]);
      return workersVerdict(taskQueue, workflow, activity);
    },
  };
}

/** Who polls a task queue for one kind of tasks. */
export interface Polling {
  readonly pollers: number;
  /** Those of them that get tasks. */
  readonly current: number;
  /** The version that gets them, in words. */
  readonly version: string;
}

/** Pure. */
export function workersVerdict(taskQueue: string, workflow: Polling, activity: Polling): Verdict {
  const least = (of: (polling: Polling) => number): number => Math.min(of(workflow), of(activity));
  if (least(({ pollers }) => pollers) === 0) {
    return problem(
      `no worker polls the task queue ${taskQueue}`,
      'Start one (npm run start:worker), or set the same COUNTERSIGN_TASK_QUEUE everywhere.',
    );
  }
  if (least(({ current }) => current) === 0) {
    return problem(
      `${activity.pollers} poll the task queue ${taskQueue}, and none gets a task: ` +
        `${workflow.version} is current`,
      'Make theirs current (temporal worker deployment set-current-version, docs/upgrading.md), ' +
        'or start workers of the current one.',
    );
  }
  return ok(`${activity.current} poll the task queue ${taskQueue}`);
}

async function pollingOf(
  { client, limitMs }: TemporalTarget,
  taskQueue: string,
  taskQueueType: proto.temporal.api.enums.v1.TaskQueueType,
): Promise<Polling> {
  const { pollers, versioningInfo } = await asking({ client, limitMs }, () =>
    client.workflowService.describeTaskQueue({
      namespace: client.options.namespace,
      taskQueue: { name: taskQueue },
      taskQueueType,
    }),
  );
  const sinceS = (Date.now() - POLLED_WITHIN_MS) / 1000;
  const alive = pollers.filter((each) => Number(each.lastAccessTime?.seconds ?? 0) > sinceS);
  const current = versioningInfo?.currentDeploymentVersion;
  return {
    pollers: alive.length,
    current: alive.filter(({ deploymentOptions }) => serves(deploymentOptions, current)).length,
    version: current ? `${current.deploymentName}, ${current.buildId},` : 'what has no version',
  };
}

type DeploymentOptions = proto.temporal.api.deployment.v1.IWorkerDeploymentOptions;
type DeploymentVersion = proto.temporal.api.deployment.v1.IWorkerDeploymentVersion;

/** Without a current version tasks are for workers without one. Pure. */
export function serves(
  worker: DeploymentOptions | null | undefined,
  current: DeploymentVersion | null | undefined,
): boolean {
  const isVersioned = worker?.workerVersioningMode === Mode.WORKER_VERSIONING_MODE_VERSIONED;
  if (!current) return !isVersioned;
  const { deploymentName, buildId } = worker ?? {};
  return isVersioned && deploymentName === current.deploymentName && buildId === current.buildId;
}
