import type { ReminderSettings } from '../activities/index.js';
import type { Settings } from '../configuration/settings.js';

/** No working hours are meant, but not the night either. */
const DEFAULT_HOURS = '08:00-20:00';

const DEFAULT_TEXT = 'A document is waiting for your signature.';

/** The provider's limit is not documented; an e-mail's paragraph it may be. */
const TEXT_MAX_LENGTH = 1000;

const HOURS = /^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)$/;

/** Reads `DOCUMENT_REMINDER_HOURS`, `…_TIME_ZONE` and `…_TEXT`; problems are told to `settings`. */
export function readReminderSettings(settings: Settings): ReminderSettings {
  const text = settings.text('DOCUMENT_REMINDER_TEXT') ?? DEFAULT_TEXT;
  if (text.length > TEXT_MAX_LENGTH) {
    settings.problem(`DOCUMENT_REMINDER_TEXT is longer than ${TEXT_MAX_LENGTH} characters`);
  }
  const timeZone = settings.timeZone('DOCUMENT_REMINDER_TIME_ZONE', 'UTC');
  return { text, hours: { ...readHours(settings), timeZone } };
}

function readHours(settings: Settings): { fromMinute: number; untilMinute: number } {
  const hours = settings.text('DOCUMENT_REMINDER_HOURS') ?? DEFAULT_HOURS;
  const [, ...parts] = HOURS.exec(hours) ?? [];
  const [fromHour = 0, fromMinute = 0, untilHour = 0, untilMinute = 0] = parts.map(Number);
  const from = fromHour * 60 + fromMinute;
  const until = untilHour * 60 + untilMinute;
  if (parts.length === 0 || from === until || until > 24 * 60) {
    settings.problem(`DOCUMENT_REMINDER_HOURS is no span such as ${DEFAULT_HOURS}: ${hours}`);
  }
  return { fromMinute: from, untilMinute: until };
}
