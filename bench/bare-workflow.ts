/** The other side of the comparison: as many signals and activities, doing nothing. */
import { condition, defineSignal, proxyActivities, setHandler } from '@temporalio/workflow';

/** The activity of the bare side. */
export interface BareActivities {
  nothing(): Promise<void>;
}

/** How much of what a bare workflow takes. */
export interface BareShape {
  readonly signals: number;
  readonly activities: number;
}

/** Told to a bare workflow as often as its shape says. */
export const poked = defineSignal('poked');

const { nothing } = proxyActivities<BareActivities>({ startToCloseTimeout: '1m' });

/** Waits for all its signals, then runs its activities one after the other. */
export async function bare({ signals, activities }: BareShape): Promise<void> {
  let received = 0;
  setHandler(poked, () => {
    received += 1;
  });
  await condition(() => received >= signals);
  for (let count = 0; count < activities; count += 1) await nothing();
}
