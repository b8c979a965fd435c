import {
  metricMeter,
  proxyActivities,
  setCurrentDetails,
  sleep,
  upsertSearchAttributes,
} from '@temporalio/workflow';
import { SEARCH_ATTRIBUTES } from './contract.js';
import type {
  Activities,
  CallbackDeliveryInput,
  CallbackDeliveryResult,
  DeliverChangesResult,
} from './contract.js';
import { allOf, countOf, leftAfter, namedAmong, pendingOf, setAsideGroups } from './set-aside.js';
import type { Left } from './set-aside.js';

const { deliverChanges } = proxyActivities<Activities>({
  // A whole batch of signers that only the provider can route takes its time at 100 calls a minute.
  startToCloseTimeout: '6h',
  heartbeatTimeout: '1m',
  retry: { initialInterval: '1s', maximumInterval: '5m' },
});

/**
 * The way of one callback, or of several stored together, to its documents: the durable inbox.
 * What can be delivered is delivered at once; an entry that cannot is tried again beside that, then
 * set aside where ops see it.
 */
export async function callbackDelivery(
  input: CallbackDeliveryInput,
): Promise<CallbackDeliveryResult> {
  const delivery = new CallbackDelivery(input);
  if (input.held === undefined) {
    await delivery.attempt(false);
    if (delivery.isIncomplete) await delivery.attempt(true);
    for (const pauseMs of delivery.retryPausesMs) {
      if (!delivery.isIncomplete) break;
      await sleep(pauseMs, { summary: `before asking again for ${delivery.pendingCount} entries` });
      await delivery.attempt(true);
    }
  }
  return delivery.finish();
}

class CallbackDelivery {
  readonly #input: CallbackDeliveryInput;
  #left: Left;
  #retryPausesMs: readonly number[] = [];
  #done = { delivered: 0, documents: 0, closedDocuments: 0 };

  constructor(input: CallbackDeliveryInput) {
    this.#input = input;
    this.#left = allOf(input);
  }

  get pendingCount(): number {
    return countOf(pendingOf(this.#left));
  }

  get retryPausesMs(): readonly number[] {
    return this.#retryPausesMs;
  }

  get isIncomplete(): boolean {
    return this.pendingCount > 0;
  }

  async attempt(askProvider: boolean): Promise<void> {
    if (!this.isIncomplete) return;
    const result = await this.#deliver(pendingOf(this.#left), askProvider);
    this.#left = leftAfter(this.#left, result);
    this.#retryPausesMs = result.retryPausesMs;
    this.#done = {
      delivered: this.#done.delivered + result.delivered,
      documents: this.#done.documents + result.documents,
      closedDocuments: this.#done.closedDocuments + result.closedDocuments,
    };
    this.#show();
  }

  #deliver(given: Left, askProvider: boolean): Promise<DeliverChangesResult> {
    const { source, changes, hints = [], named } = this.#input;
    const summary = `deliver ${this.pendingCount} entries${askProvider ? ', asking the provider' : ''}`;
    return deliverChanges.executeWithOptions({ summary }, [
      {
        source: source === 'hint' ? 'provider' : source,
        changes: given.changes.flatMap(({ index }) => changes[index] ?? []),
        hints: given.hints.flatMap(({ index }) => hints[index] ?? []),
        ...(named ? { named: namedAmong(named, given) } : {}),
        askProvider,
      },
    ]);
  }

  finish(): CallbackDeliveryResult {
    this.#show();
    const setAside = setAsideGroups(this.#input, this.#left);
    const count = setAside.reduce((total, group) => total + group.count, 0);
    if (count > 0) {
      upsertSearchAttributes([{ key: SEARCH_ATTRIBUTES.entriesSetAside, value: count }]);
      metricMeter.createCounter('countersign_entries_set_aside').add(count);
    }
    return { changes: this.#input.changes.length, ...this.#done, setAside };
  }

  #show(): void {
    const { delivered, documents, closedDocuments } = this.#done;
    const waiting = setAsideGroups(this.#input, this.#left);
    setCurrentDetails(
      [
        `${delivered} of ${this.#input.changes.length} changes delivered to ${documents} documents`,
        `${closedDocuments} documents already had their outcome`,
        ...waiting.map(({ reason, count, examples }) =>
          [`${count} not delivered: ${reason}`, ...examples.map((entry) => `    ${entry}`)].join(
            '\n',
          ),
        ),
      ].join('\n\n'),
    );
  }
}
