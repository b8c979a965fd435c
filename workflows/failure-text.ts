/** What failures say. Pure. */
import { DefaultFailureConverter, defaultPayloadConverter } from '@temporalio/common';
import type { TimeoutFailure } from '@temporalio/common';

const CONVERTER = new DefaultFailureConverter();

/**
 * What the last attempt before a time-out failed with; undefined where there was none. The SDK
 * makes no cause of it: it is in the message that came from the server alone.
 */
export function lastFailureBefore({ failure }: TimeoutFailure): string | undefined {
  const { cause } = failure ?? {};
  return cause ? CONVERTER.failureToError(cause, defaultPayloadConverter).message : undefined;
}
