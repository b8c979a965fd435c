/** In a file of its own, since the SDK loads it by its path, into workflows too. */
import { DefaultFailureConverter } from '@temporalio/common';

/** Moves failures' messages and stack traces into a payload, so that they are encrypted too. */
export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
