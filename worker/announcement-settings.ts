import { readEmailTemplates } from '../activities/index.js';
import type { EmailTemplates } from '../activities/index.js';
import type { Settings } from '../configuration/settings.js';
import { ANNOUNCED_EVENTS, channelsFor, namesEvent } from '../workflows/contract.js';
import type { ChannelName, ChannelPolicy } from '../workflows/contract.js';

/** The channels that are set, and what each is told. */
export interface AnnouncementSettings {
  readonly webhook: { readonly url: string; readonly secrets: readonly string[] } | undefined;
  readonly email: EmailSettings | undefined;
  readonly slack: { readonly url: string } | undefined;
  /** A channel whose events are not set takes the default. */
  readonly events: NonNullable<ChannelPolicy['events']>;
}

export interface EmailSettings {
  readonly smtpUrl: string;
  readonly from: string;
  readonly to: string;
  /** Undefined: those that are built in. */
  readonly templates: EmailTemplates | undefined;
}

const EVENTS_SETTINGS = {
  log: 'NOTIFY_LOG_EVENTS',
  http: 'NOTIFY_WEBHOOK_EVENTS',
  email: 'NOTIFY_EMAIL_EVENTS',
  slack: 'NOTIFY_SLACK_EVENTS',
} as const satisfies Record<ChannelName, string>;

/** Reads `NOTIFY_…`; problems are told to `settings`. */
export function readAnnouncementSettings(settings: Settings): AnnouncementSettings {
  const channels = {
    webhook: readWebhook(settings),
    email: readEmail(settings),
    slack: readSlack(settings),
  };
  return { ...channels, events: readEvents(settings) };
}

/** Of the default's events those that no channel is told of, so that a gap is no surprise. */
export function untoldEvents(policy: ChannelPolicy): readonly string[] {
  const wanted = ANNOUNCED_EVENTS.filter((event) => {
    return channelsFor({ channels: ['log'] }, event).length > 0;
  });
  return wanted.filter((event) => channelsFor(policy, event).length === 0);
}

function readWebhook(settings: Settings): AnnouncementSettings['webhook'] {
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

function readEmail(settings: Settings): EmailSettings | undefined {
  const names = ['NOTIFY_SMTP_URL', 'NOTIFY_EMAIL_FROM', 'NOTIFY_EMAIL_TO'] as const;
  const [smtpUrl, from, to] = names.map((name) => settings.text(name));
  const templates = readTemplates(settings);
  if (smtpUrl === undefined && from === undefined && to === undefined) {
    if (templates) settings.problem(`NOTIFY_EMAIL_TEMPLATES without ${names.join(', ')}`);
    return undefined;
  }
  if (smtpUrl === undefined || from === undefined || to === undefined) {
    settings.problem(`${names.join(', ')}: e-mail needs all three`);
    return undefined;
  }
  if (!/^smtps?:\/\//.test(smtpUrl) || !URL.canParse(smtpUrl)) {
    settings.problem('NOTIFY_SMTP_URL is not an smtp:// or smtps:// URL');
  }
  return { smtpUrl, from, to, templates };
}

function readTemplates(settings: Settings): EmailTemplates | undefined {
  const folder = settings.text('NOTIFY_EMAIL_TEMPLATES');
  if (folder === undefined) return undefined;
  const { templates, problems } = readEmailTemplates(folder);
  for (const problem of problems) settings.problem(`NOTIFY_EMAIL_TEMPLATES: ${problem}`);
  return templates;
}

function readSlack(settings: Settings): AnnouncementSettings['slack'] {
  const url = settings.url('NOTIFY_SLACK_URL');
  return url === undefined ? undefined : { url };
}

/** What must be set for a channel to have events; the log is always there. */
const NEEDS: Readonly<Partial<Record<ChannelName, string>>> = {
  http: 'NOTIFY_WEBHOOK_URL',
  email: 'NOTIFY_SMTP_URL',
  slack: 'NOTIFY_SLACK_URL',
};

function readEvents(settings: Settings): AnnouncementSettings['events'] {
  const events: Partial<Record<ChannelName, readonly string[]>> = {};
  for (const [channel, name] of Object.entries(EVENTS_SETTINGS) as [ChannelName, string][]) {
    const patterns = settings.list(name);
    if (patterns.length === 0) continue;
    const needed = NEEDS[channel];
    if (needed !== undefined && settings.text(needed) === undefined) {
      settings.problem(`${name} without ${needed}`);
    }
    checkPatterns(settings, name, patterns);
    events[channel] = patterns;
  }
  return events;
}

function checkPatterns(settings: Settings, name: string, patterns: readonly string[]): void {
  for (const pattern of patterns) {
    if (ANNOUNCED_EVENTS.some((event) => namesEvent(pattern, event))) continue;
    settings.problem(`${name} names no event: ${pattern}. Events: ${ANNOUNCED_EVENTS.join(', ')}`);
  }
}
