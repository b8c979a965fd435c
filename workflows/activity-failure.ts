import { ActivityFailure, isCancellation, TimeoutFailure } from '@temporalio/workflow';
import { lastFailureBefore } from './failure-text.js';

/**
 * What an activity failed with for good, in the words that tell most.
 * @throws what is none of an activity's failures; a cancellation, which ends the run
 */
export function failureOf(error: unknown): Error {
  if (isCancellation(error)) throw error;
  if (!(error instanceof ActivityFailure)) throw error;
  // A time-out tells less than what was tried last.
  const { cause = error } = error;
  const last = cause instanceof TimeoutFailure ? lastFailureBefore(cause) : undefined;
  return new Error(last ?? cause.message);
}
