import { sleep } from '@temporalio/workflow';

/** Waits where the recorded workflow did not: a replay must refuse it. */
export async function documentSigning(): Promise<void> {
  await sleep('1h');
}
