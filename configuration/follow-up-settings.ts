import type { FollowUpPolicy, SignerEvent } from '../workflows/contract.js';
import type { Settings } from './settings.js';

const SIGNER_EVENT_WORDS: Readonly<Record<string, SignerEvent>> = {
  signed: 'signer.signed',
  rejected: 'signer.rejected',
  bounced: 'signer.bounced',
};

/** The longest chasing that makes sense, and that no timer refuses. */
const LONGEST_MS = 3650 * 86_400_000;

/**
 * Reads what is done about open documents: `DOCUMENT_DEADLINE`, `DOCUMENT_REMINDERS`,
 * `DOCUMENT_STALLED`, `NOTIFY_SIGNER_EVENTS`. Undefined where nothing is. For the worker, and for
 * whoever starts documents: told at the start it costs nothing.
 */
export function readFollowUp(settings: Settings): FollowUpPolicy | undefined {
  const deadlineMs = optionalMs(settings, 'DOCUMENT_DEADLINE');
  const remindersMs = readReminders(settings);
  const stalledMs = optionalMs(settings, 'DOCUMENT_STALLED');
  const signerEvents = readSignerEvents(settings);
  const policy: FollowUpPolicy = {
    ...(deadlineMs !== undefined && { deadlineMs }),
    ...(remindersMs.length > 0 && { remindersMs }),
    ...(stalledMs !== undefined && { stalledMs }),
    ...(signerEvents.length > 0 && { signerEvents }),
  };
  return Object.keys(policy).length > 0 ? policy : undefined;
}

function optionalMs(settings: Settings, name: string): number | undefined {
  if (settings.text(name) === undefined) return undefined;
  return bounded(settings, name, settings.durationMs(name, ''));
}

function bounded(settings: Settings, name: string, durationMs: number): number {
  if (durationMs > LONGEST_MS) settings.problem(`${name} is longer than 3650d`);
  return durationMs;
}

function readReminders(settings: Settings): number[] {
  const name = 'DOCUMENT_REMINDERS';
  if (settings.text(name) === undefined) return [];
  const durationsMs = settings.durationsMs(name, '').map((each) => bounded(settings, name, each));
  return [...new Set(durationsMs)].sort((a, b) => a - b);
}

function readSignerEvents(settings: Settings): SignerEvent[] {
  return settings.list('NOTIFY_SIGNER_EVENTS').flatMap((word) => {
    const event = Object.hasOwn(SIGNER_EVENT_WORDS, word) ? SIGNER_EVENT_WORDS[word] : undefined;
    if (event) return [event];
    const words = Object.keys(SIGNER_EVENT_WORDS).join(', ');
    settings.problem(`NOTIFY_SIGNER_EVENTS is none of ${words}: ${word}`);
    return [];
  });
}
