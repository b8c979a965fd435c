import { isGrpcServiceError } from '@temporalio/client';
import { BusyError } from './errors.js';

/** gRPC's numbers of what Temporal says of one request rather than of itself. */
const INVALID_ARGUMENT = 3;
const RESOURCE_EXHAUSTED = 8;
const OUT_OF_RANGE = 11;

/** What a server says to everybody as long as no worker has made the search attributes. */
const ATTRIBUTE_MISSING = /no mapping defined|search attribute \S+ is not defined/i;

/**
 * Whether a failed write says that Temporal takes none at the moment: unreachable, too slow, out of
 * resources, not set up, without rights for us. If not, this one message is what it does not take.
 * What is unknown counts as an outage: to wait loses nothing.
 */
export function isOutage(error: unknown): boolean {
  for (const cause of causesOf(error)) {
    // Ours: Temporal does take callbacks, only not as many.
    if (cause instanceof BusyError) return false;
    if (isGrpcServiceError(cause)) return isOutageStatus(cause.code, cause.details);
    // Thrown here, by what turns a message into bytes.
    if (cause instanceof TypeError || cause instanceof RangeError) return false;
  }
  return true;
}

function isOutageStatus(code: number, details: string): boolean {
  switch (code) {
    case INVALID_ARGUMENT:
      return ATTRIBUTE_MISSING.test(details);
    case RESOURCE_EXHAUSTED:
      // gRPC's limit of one message has the same number as Temporal's limit of all calls.
      return !/message larger than max/i.test(details);
    case OUT_OF_RANGE:
      return false;
    default:
      return true;
  }
}

function* causesOf(error: unknown): Generator {
  for (let cause = error; cause !== undefined;) {
    yield cause;
    cause = cause instanceof Error ? cause.cause : undefined;
  }
}
