/** Keeps what is written within Temporal's limit of 2 MB per payload. Pure. */
import type { CallbackDeliveryInput, StatusReport } from '../workflows/contract.js';

/** Of JSON in one payload: 2 MB is refused, and what stands around the entries needs room. */
export const PAYLOAD_MAX_BYTES = 1_800_000;

/** `{"setAside":…}` around an entry. */
const WRAPPING_BYTES = 14;

/**
 * A delivery in parts that fit, in order; a change keeps its position in the whole list. The cuts
 * depend on the entries alone, so that a redelivery is cut in the same places.
 */
export function splitDelivery(
  input: CallbackDeliveryInput,
  maxBytes: number = PAYLOAD_MAX_BYTES,
): readonly CallbackDeliveryInput[] {
  // Most fit: writing them once costs a tenth of measuring each, with what is put around it.
  const count = input.changes.length + input.setAside.length;
  const atMost = jsonBytes([input.changes, input.setAside]) + count * WRAPPING_BYTES;
  if (atMost <= maxBytes) return [input];
  const entries = [
    ...input.changes.map((change) => ({ change })),
    ...input.setAside.map((setAside) => ({ setAside })),
  ];
  const groups = groupBySize(entries, maxBytes);
  if (groups.length <= 1) return [input];
  return groups.map((group, index) => ({
    ...input,
    changes: group.flatMap((entry) => ('change' in entry ? [entry.change] : [])),
    setAside: group.flatMap((entry) => ('setAside' in entry ? [entry.setAside] : [])),
    part: { number: index + 1, of: groups.length },
  }));
}

function groupBySize<Entry>(entries: readonly Entry[], maxBytes: number): readonly Entry[][] {
  const groups: Entry[][] = [];
  let room = 0;
  for (const entry of entries) {
    const bytes = jsonBytes(entry);
    if (groups.length === 0 || bytes > room) {
      groups.push([]);
      room = maxBytes;
    }
    groups.at(-1)?.push(entry);
    room -= bytes;
  }
  return groups;
}

/** A report that fits: a picture too large for a payload is left out, its news is not. */
export function fitReport(report: StatusReport): StatusReport {
  if (report.snapshot === undefined || jsonBytes(report) <= PAYLOAD_MAX_BYTES) return report;
  return { source: report.source, changes: report.changes };
}

function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}
