import type { Info } from '@temporalio/activity';
import { MockActivityEnvironment } from '@temporalio/testing';

/** Does it as an activity, of which more may be told: its attempt, when it was scheduled. */
export function inActivity<Result>(
  work: () => Promise<Result>,
  info: Partial<Info> = {},
): Promise<Result> {
  return new MockActivityEnvironment(info).run(work);
}
