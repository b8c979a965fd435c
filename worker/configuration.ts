/** The worker's settings, read once; and the only file here that knows the environment. */
import { isIPv4, isIPv6 } from 'node:net';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { readEncryptionKeys } from '../codec/encryption-keys.js';
import type { EncryptionKeys } from '../codec/encryption-keys.js';
import { LOG_LEVELS, Settings, temporalVariables } from '../configuration/settings.js';
import type { Environment } from '../configuration/settings.js';
import type { ProviderClientOptions } from '../provider/provider-client.js';
import { readProviderSettings } from '../provider/provider-settings.js';
import { DEFAULT_TASK_QUEUE } from '../workflows/contract.js';
import type { FollowUpPolicy } from '../workflows/contract.js';
import { readFollowUp } from '../configuration/follow-up-settings.js';
import type { openArchive, ReconciliationSettings, ReminderSettings } from '../activities/index.js';
import { readReminderSettings } from './reminder-settings.js';
import { readAnnouncementSettings } from './announcement-settings.js';
import type { AnnouncementSettings } from './announcement-settings.js';
import { readReconciliationSettings, readScheduleSettings } from './reconciliation-settings.js';
import type { ScheduleSettings } from './reconciliation-settings.js';
import { readVersioning } from './versioning-settings.js';

/** What `startWorker` needs to know. */
export interface WorkerConfiguration {
  readonly taskQueue: string;
  /** Undefined: without Worker Versioning. */
  readonly versioning: ReturnType<typeof readVersioning>;
  /** Of payloads in Temporal; none: they are not encrypted. */
  readonly encryptionKeys: EncryptionKeys;
  readonly provider: ProviderClientOptions;
  readonly archiveUrl: string;
  /** Undefined unless the archive is at `s3:`. */
  readonly archiveS3: ArchiveS3Settings | undefined;
  readonly lingerMs: number;
  /** What is done about open documents by default; undefined: nothing. */
  readonly followUp: FollowUpPolicy | undefined;
  readonly reminders: ReminderSettings;
  /** Before a callback's entries that found no document are asked for again, in ms. */
  readonly retryPausesMs: readonly number[];
  readonly announcements: AnnouncementSettings;
  /** Closed workflows are kept at least this long: so long is a closed document remembered. */
  readonly retentionMs: number;
  readonly reconciliation: ReconciliationSettings;
  readonly schedule: ScheduleSettings;
  /** Workflow Tasks worked on at once; undefined: as Temporal's distance asks for. */
  readonly workflowTaskSlots: number | undefined;
  /** `host:port` on which the SDK's metrics are served for Prometheus. */
  readonly metricsAddress: string | undefined;
  readonly logLevel: string;
}

/** What `openArchive` takes for an archive at `s3:`. */
export type ArchiveS3Settings = NonNullable<NonNullable<Parameters<typeof openArchive>[1]>['s3']>;

/** As `openArchive` takes it; without credentials, which are the SDK's own business. */
const S3_URL = /^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/(?!\.{1,2}(\/|$))[\w.!*'()-]+)*\/?$/;

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
    versioning: readVersioning(settings),
    encryptionKeys: readEncryptionKeys(settings),
    provider: readProviderSettings(settings),
    archiveUrl: readArchiveUrl(settings),
    archiveS3: readArchiveS3(settings),
    lingerMs: settings.durationMs('DOCUMENT_LINGER', '15m'),
    followUp: readFollowUp(settings),
    reminders: readReminderSettings(settings),
    retryPausesMs: settings.durationsMs('CALLBACK_RETRY_PAUSES', DEFAULT_RETRY_PAUSES),
    announcements: readAnnouncementSettings(settings),
    retentionMs: settings.durationMs('COUNTERSIGN_RETENTION', '30d'),
    reconciliation: readReconciliationSettings(settings),
    schedule: readScheduleSettings(settings),
    workflowTaskSlots: readWorkflowTaskSlots(settings),
    metricsAddress: readMetricsAddress(settings),
    logLevel: settings.oneOf('LOG_LEVEL', LOG_LEVELS, 'info'),
  };
  settings.check();
  return configuration;
}

/** Temporal's own settings and profiles. */
export function readTemporal(
  environment: Environment = process.env,
): ReturnType<typeof loadClientConnectConfig> {
  return loadClientConnectConfig({ overrideEnvVars: temporalVariables(environment) });
}

/** Where the archive is, for who needs nothing else of a worker. @throws ConfigurationError */
export function readArchiveConfiguration(
  environment: Environment = process.env,
): Pick<WorkerConfiguration, 'archiveUrl' | 'archiveS3'> {
  const settings = new Settings(environment);
  const configuration = {
    archiveUrl: readArchiveUrl(settings),
    archiveS3: readArchiveS3(settings),
  };
  settings.check();
  return configuration;
}

/** With one, the SDK could not poll for new documents beside those in its cache. */
function readWorkflowTaskSlots(settings: Settings): number | undefined {
  const name = 'WORKER_CONCURRENT_WORKFLOW_TASKS';
  if (settings.text(name) === undefined) return undefined;
  return settings.wholeNumber(name, 2, { min: 2, max: 1000 });
}

/** The SDK wants the address of an interface: it looks up no name. */
function readMetricsAddress(settings: Settings): string | undefined {
  const text = settings.text('WORKER_METRICS_ADDRESS');
  if (text === undefined) return undefined;
  const [, v6, v4, port] = /^(?:\[(.+)\]|([\d.]+)):(\d{1,5})$/.exec(text) ?? [];
  if ((isIPv6(v6 ?? '') || isIPv4(v4 ?? '')) && Number(port) <= 65_535) return text;
  settings.problem(
    `WORKER_METRICS_ADDRESS is no IP address and port such as 127.0.0.1:9464: ${text}`,
  );
  return undefined;
}

function readArchiveUrl(settings: Settings): string {
  const url = settings.text('ARCHIVE_URL') ?? 'file:.countersign/archive';
  if (!url.startsWith('file:') && !S3_URL.test(url)) {
    settings.problem(
      'ARCHIVE_URL is neither a file: URL such as file:.countersign/archive nor s3://bucket/prefix',
    );
  }
  return url;
}

const ARCHIVE_S3_NAMES = [
  'ARCHIVE_S3_ENDPOINT',
  'ARCHIVE_S3_REGION',
  'ARCHIVE_S3_FORCE_PATH_STYLE',
  'ARCHIVE_S3_ENCRYPTION',
  'ARCHIVE_S3_OBJECT_LOCK',
] as const;

function readArchiveS3(settings: Settings): ArchiveS3Settings | undefined {
  if (settings.text('ARCHIVE_URL')?.startsWith('s3:') !== true) {
    const vain = ARCHIVE_S3_NAMES.filter((name) => settings.text(name) !== undefined);
    if (vain.length > 0) settings.problem(`${vain.join(', ')} without ARCHIVE_URL=s3://…`);
    return undefined;
  }
  const endpoint = settings.url('ARCHIVE_S3_ENDPOINT');
  const pathStyle = endpoint === undefined ? 'false' : 'true';
  return {
    endpoint,
    region: settings.text('ARCHIVE_S3_REGION'),
    forcePathStyle:
      settings.oneOf('ARCHIVE_S3_FORCE_PATH_STYLE', ['true', 'false'], pathStyle) === 'true',
    encryption: readArchiveEncryption(settings),
    objectLock: readArchiveObjectLock(settings),
  };
}

function readArchiveEncryption(settings: Settings): ArchiveS3Settings['encryption'] {
  const text = settings.text('ARCHIVE_S3_ENCRYPTION');
  if (text === undefined) return undefined;
  if (text === 'AES256') return { kind: 'AES256' };
  const [isKms, keyId] = /^aws:kms(?::(\S+))?$/.exec(text) ?? [];
  if (isKms !== undefined) return { kind: 'aws:kms', keyId };
  settings.problem('ARCHIVE_S3_ENCRYPTION is none of AES256, aws:kms, aws:kms:<key>');
  return undefined;
}

function readArchiveObjectLock(settings: Settings): ArchiveS3Settings['objectLock'] {
  const text = settings.text('ARCHIVE_S3_OBJECT_LOCK');
  if (text === undefined) return undefined;
  const [, mode, days] = /^(governance|compliance):([1-9]\d{0,4})d$/i.exec(text) ?? [];
  if (mode !== undefined) {
    const isCompliance = mode.toLowerCase() === 'compliance';
    return { mode: isCompliance ? 'COMPLIANCE' : 'GOVERNANCE', days: Number(days) };
  }
  settings.problem(
    `ARCHIVE_S3_OBJECT_LOCK is not of the form governance:<days>d or compliance:<days>d: ${text}`,
  );
  return undefined;
}
