/** The hours in which signers may be written to, in their zone. Pure. */

/** From one time of day to another, which may be after midnight. */
export interface ReminderHours {
  /** Minutes since midnight. */
  readonly fromMinute: number;
  /** Exclusive. */
  readonly untilMinute: number;
  /** An IANA name. */
  readonly timeZone: string;
}

const MINUTE_MS = 60_000;
const DAY_MINUTES = 24 * 60;

/**
 * When the hours next begin, ms since the epoch; undefined while they last. Where the clocks are
 * put forward or back on the way it is an hour off: whoever comes too early is sent away again.
 */
export function nextReminderTime(hours: ReminderHours, nowMs: number): number | undefined {
  const { fromMinute, untilMinute } = hours;
  const minute = minuteOfDay(hours.timeZone, nowMs);
  const isWithin =
    fromMinute < untilMinute
      ? minute >= fromMinute && minute < untilMinute
      : minute >= fromMinute || minute < untilMinute;
  if (isWithin) return undefined;
  const aheadMinutes = (fromMinute - minute + DAY_MINUTES) % DAY_MINUTES;
  return Math.floor(nowMs / MINUTE_MS + aheadMinutes) * MINUTE_MS;
}

function minuteOfDay(timeZone: string, timeMs: number): number {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  const [hour = 0, minute = 0] = format.format(timeMs).split(':').map(Number);
  return hour * 60 + minute;
}
