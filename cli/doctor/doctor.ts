/** A set-up looked over: every check there is, put together from an environment. */
import { pino } from 'pino';
import type { Channel } from '../../activities/index.js';
import { readEncryptionKeys } from '../../codec/encryption-keys.js';
import type { EncryptionKeys } from '../../codec/encryption-keys.js';
import { Settings, type Environment } from '../../configuration/settings.js';
import { createProviderClient } from '../../provider/provider-client.js';
import { DEFAULT_TASK_QUEUE } from '../../workflows/contract.js';
import type { OperationsAnnouncement } from '../../workflows/contract.js';
import { readConfiguration as readWebhookConfiguration } from '../../webhook/configuration.js';
import type { WebhookConfiguration } from '../../webhook/configuration.js';
import { readConfiguration as readWorkerConfiguration } from '../../worker/configuration.js';
import type { WorkerConfiguration } from '../../worker/configuration.js';
import { createChannels } from '../../worker/worker-parts.js';
import { openTemporal } from '../temporal-connection.js';
import { archiveCheck } from './archive-check.js';
import { certificatesCheck, sha1Check } from './certificate-checks.js';
import { emailCheck, receiverCheck, testMessageCheck } from './channel-checks.js';
import { runChecks, type Check, type Finding } from './check.js';
import { configured, settingsCheck, tryRead, type Read } from './configuration-checks.js';
import { clockCheck, providerCheck, subscriptionsCheck } from './provider-checks.js';
import { lastReconciliationCheck, scheduleCheck } from './reconciliation-checks.js';
import {
  namespaceCheck,
  dataFormatCheck,
  retentionCheck,
  searchAttributesCheck,
  temporalCheck,
  workersCheck,
  type TemporalTarget,
} from './temporal-checks.js';
import { publicUrlCheck, spoolCheck, webhookCheck } from './webhook-checks.js';

/** How long each check may take unless told, in ms. */
export const DEFAULT_LIMIT_MS = 10_000;

/** A call must have failed before its check is out of time, so that its own reason is told. */
const CALL_SHARE = 0.8;

/** What is asked of the doctor. */
export interface ExaminationOptions {
  /** Of one check, in ms. */
  readonly limitMs?: number | undefined;
  /** Every channel is told a test message for real. */
  readonly sendsTest?: boolean;
}

/** Looks over a set-up; changes nothing, and sends nothing unless told to. */
export async function examine(
  environment: Environment,
  { limitMs = DEFAULT_LIMIT_MS, sendsTest = false }: ExaminationOptions = {},
): Promise<readonly Finding[]> {
  const worker = tryRead(() => readWorkerConfiguration(environment));
  const webhook = tryRead(() => readWebhookConfiguration(environment));
  const callMs = Math.floor(limitMs * CALL_SHARE);
  const temporal = tryRead(() => ({
    ...openTemporal(environment, keysOf(environment), callMs),
    limitMs: callMs,
  }));
  const provider = makeProvider(worker, callMs);
  const channels = sendsTest ? openChannels(worker) : [];
  try {
    return await runChecks(
      [
        settingsCheck("Temporal's profile", temporal),
        settingsCheck("worker's settings", worker),
        settingsCheck("webhook's settings", webhook),
        ...temporalChecks(temporal, environment, worker),
        ...providerChecks(provider, worker),
        ...webhookChecks(environment, webhook, worker),
        configured('archive', worker, archiveCheck),
        ...channelChecks(environment),
        ...(sendsTest ? testMessages(channels) : []),
      ],
      limitMs,
    );
  } finally {
    if (temporal.kind === 'read') await temporal.configuration.connection.close();
    if (provider.kind === 'read') provider.configuration.close();
    for (const channel of channels) channel.close?.();
  }
}

/** Those that are readable: of the others worker and webhook tell, with their settings. */
function keysOf(environment: Environment): EncryptionKeys {
  return readEncryptionKeys(new Settings(environment));
}

function makeProvider(
  worker: Read<WorkerConfiguration>,
  timeoutMs: number,
): Read<ReturnType<typeof createProviderClient>> {
  if (worker.kind === 'wrong') return worker;
  const { provider } = worker.configuration;
  return tryRead(() =>
    createProviderClient({ ...provider, timeoutMs: Math.min(timeoutMs, provider.timeoutMs) }),
  );
}

function temporalChecks(
  temporal: Read<TemporalTarget>,
  environment: Environment,
  worker: Read<WorkerConfiguration>,
): readonly Check[] {
  if (temporal.kind === 'wrong') return [];
  const target = temporal.configuration;
  const taskQueue = new Settings(environment).text('COUNTERSIGN_TASK_QUEUE') ?? DEFAULT_TASK_QUEUE;
  return [
    temporalCheck(target),
    namespaceCheck(target),
    dataFormatCheck(target),
    configured('retention', worker, ({ retentionMs }) => retentionCheck(target, retentionMs)),
    searchAttributesCheck(target),
    workersCheck(target, taskQueue),
    configured('Schedule', worker, ({ schedule }) => scheduleCheck(target, schedule.cron)),
    configured('last reconciliation', worker, ({ reconciliation }) =>
      lastReconciliationCheck(target, reconciliation.maxAgeMs),
    ),
  ];
}

function providerChecks(
  provider: Read<ReturnType<typeof createProviderClient>>,
  worker: Read<WorkerConfiguration>,
): readonly Check[] {
  const { apiUrl = '', subscriptions } =
    worker.kind === 'read'
      ? {
          ...worker.configuration.provider,
          subscriptions: worker.configuration.reconciliation.subscriptions,
        }
      : {};
  return [
    configured('provider', provider, (client) => providerCheck(client, apiUrl)),
    configured("provider's clock", provider, clockCheck),
    configured('subscriptions', provider, (client) => subscriptionsCheck(client, subscriptions)),
  ];
}

function webhookChecks(
  environment: Environment,
  webhook: Read<WebhookConfiguration>,
  worker: Read<WorkerConfiguration>,
): readonly Check[] {
  const certificates = new Settings(environment).list('LEGALESIGN_CERTIFICATES');
  return [
    certificatesCheck(certificates, Date.now()),
    sha1Check(),
    configured('webhook', webhook, webhookCheck),
    configured('public URL', worker, ({ reconciliation }) =>
      publicUrlCheck(
        reconciliation.subscriptions?.url,
        webhook.kind === 'read' ? webhook.configuration.trust : undefined,
      ),
    ),
    configured('outage spool', webhook, (configuration) =>
      spoolCheck(configuration, configuration.spool?.folder),
    ),
  ];
}

/** As a worker has them, the log apart: that one is always there. */
function openChannels(worker: Read<WorkerConfiguration>): readonly Channel[] {
  if (worker.kind === 'wrong') return [];
  const logger = pino({ level: 'silent' });
  const channels = createChannels(worker.configuration.announcements, logger);
  return channels.filter(({ name }) => name !== 'log');
}

function testMessages(channels: readonly Channel[]): readonly Check[] {
  const occurredAt = new Date().toISOString();
  const announcement: OperationsAnnouncement = {
    event: 'countersign.test',
    subject: `doctor/${occurredAt}`,
    occurredAt,
    reason: 'sent by countersign doctor --send-test',
  };
  return channels.map((channel) => testMessageCheck(channel, announcement));
}

function channelChecks(environment: Environment): readonly Check[] {
  const settings = new Settings(environment);
  const target = (variable: string) => ({ variable, url: settings.text(variable) });
  return [
    receiverCheck('HTTP channel', target('NOTIFY_WEBHOOK_URL')),
    emailCheck(target('NOTIFY_SMTP_URL')),
    receiverCheck('Slack channel', target('NOTIFY_SLACK_URL')),
  ];
}
