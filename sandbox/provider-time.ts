/**
 * A moment as the REST interface writes it: no zone. The provider does not document the resolution;
 * here it is milliseconds, so that `modified` moves on every change.
 * @param atMs milliseconds since 1970
 */
export function restTime(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, -1);
}

/** A moment as batches write it: whole seconds, no zone. */
export function batchTime(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 19);
}
