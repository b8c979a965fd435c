/** The worker's settings, read once; and the only file here that knows the environment. */
import { LOG_LEVELS, Settings } from '../configuration/settings.js';
import type { Environment } from '../configuration/settings.js';
import type { ProviderClientOptions } from '../provider/provider-client.js';
import { readProviderSettings } from '../provider/provider-settings.js';
import { DEFAULT_TASK_QUEUE } from '../workflows/contract.js';
import type { ReconciliationSettings } from '../activities/index.js';
import { readReconciliationSettings, readScheduleSettings } from './reconciliation-settings.js';
import type { ScheduleSettings } from './reconciliation-settings.js';

/** What `startWorker` needs to know. */
export interface WorkerConfiguration {
  readonly taskQueue: string;
  readonly provider: ProviderClientOptions;
  readonly archiveUrl: string;
  readonly lingerMs: number;
  /** Before a callback's entries that found no document are asked for again, in ms. */
  readonly retryPausesMs: readonly number[];
  readonly notifyWebhook: { readonly url: string; readonly secrets: readonly string[] } | undefined;
  readonly notifyEmail: EmailSettings | undefined;
  /** Closed workflows are kept at least this long: so long is a closed document remembered. */
  readonly retentionMs: number;
  readonly reconciliation: ReconciliationSettings;
  readonly schedule: ScheduleSettings;
  /** `host:port` on which the SDK's metrics are served for Prometheus. */
  readonly metricsAddress: string | undefined;
  readonly logLevel: string;
}

export interface EmailSettings {
  readonly smtpUrl: string;
  readonly from: string;
  readonly to: string;
}

/**
 * A signer is often known a moment later, a provider mended within the hour; after two days ops see
 * what remains.
 */
const DEFAULT_RETRY_PAUSES = '30s,5m,30m,4h,16h,1d';

/** @throws ConfigurationError with every problem at once */
export function readConfiguration(environment: Environment = process.env): WorkerConfiguration {
  const settings = new Settings(environment);
  const configuration: WorkerConfiguration = {
    taskQueue: settings.text('COUNTERSIGN_TASK_QUEUE') ?? DEFAULT_TASK_QUEUE,
    provider: readProviderSettings(settings),
    archiveUrl: readArchiveUrl(settings),
    lingerMs: settings.durationMs('DOCUMENT_LINGER', '15m'),
    retryPausesMs: settings.durationsMs('CALLBACK_RETRY_PAUSES', DEFAULT_RETRY_PAUSES),
    notifyWebhook: readNotifyWebhook(settings),
    notifyEmail: readNotifyEmail(settings),
    retentionMs: settings.durationMs('COUNTERSIGN_RETENTION', '30d'),
    reconciliation: readReconciliationSettings(settings),
    schedule: readScheduleSettings(settings),
    metricsAddress: settings.text('WORKER_METRICS_ADDRESS'),
    logLevel: settings.oneOf('LOG_LEVEL', LOG_LEVELS, 'info'),
  };
  settings.check();
  return configuration;
}

function readArchiveUrl(settings: Settings): string {
  const url = settings.text('ARCHIVE_URL') ?? 'file:.countersign/archive';
  if (!url.startsWith('file:')) {
    settings.problem('ARCHIVE_URL is not a file: URL such as file:.countersign/archive');
  }
  return url;
}

function readNotifyWebhook(settings: Settings): WorkerConfiguration['notifyWebhook'] {
  const url = settings.url('NOTIFY_WEBHOOK_URL');
  const secrets = settings.list('NOTIFY_WEBHOOK_SECRETS');
  if (url === undefined) {
    if (secrets.length > 0) settings.problem('NOTIFY_WEBHOOK_SECRETS without NOTIFY_WEBHOOK_URL');
    return undefined;
  }
  if (secrets.length === 0) {
    settings.problem(
      'NOTIFY_WEBHOOK_URL without NOTIFY_WEBHOOK_SECRETS: receivers could not verify',
    );
  }
  if (secrets.some((secret) => !/^whsec_[A-Za-z0-9+/]+={0,2}$/.test(secret))) {
    settings.problem('NOTIFY_WEBHOOK_SECRETS holds one that is not whsec_ and base64');
  }
  return { url, secrets };
}

function readNotifyEmail(settings: Settings): EmailSettings | undefined {
  const names = ['NOTIFY_SMTP_URL', 'NOTIFY_EMAIL_FROM', 'NOTIFY_EMAIL_TO'] as const;
  const [smtpUrl, from, to] = names.map((name) => settings.text(name));
  if (smtpUrl === undefined && from === undefined && to === undefined) return undefined;
  if (smtpUrl === undefined || from === undefined || to === undefined) {
    settings.problem(`${names.join(', ')}: e-mail needs all three`);
    return undefined;
  }
  if (!/^smtps?:\/\//.test(smtpUrl) || !URL.canParse(smtpUrl)) {
    settings.problem('NOTIFY_SMTP_URL is not an smtp:// or smtps:// URL');
  }
  return { smtpUrl, from, to };
}
