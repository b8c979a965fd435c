import { Context } from '@temporalio/activity';
import type {
  Activities,
  DocumentSnapshot,
  ReminderResult,
  RemindSignersInput,
  RemindSignersResult,
} from '../workflows/contract.js';
import { isBeingSigned, isInvited } from '../workflows/signing-turns.js';
import type { ProviderClient } from '../provider/provider-client.js';
import { ProviderError } from '../provider/provider-error.js';
import { withFailures } from './failures.js';
import { nextReminderTime, type ReminderHours } from './reminder-hours.js';

/** How signers are reminded. */
export interface ReminderSettings {
  readonly hours: ReminderHours;
  /** What the provider writes to them. */
  readonly text: string;
}

/** What the activity works with. */
export interface RemindSignersDependencies {
  readonly lookUpDocument: Activities['lookUpDocument'];
  readonly provider: Pick<ProviderClient, 'remindSigner'>;
  readonly reminders: ReminderSettings;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** After which no call is begun, or waited for. */
  readonly patienceMs?: number;
}

/**
 * For the rest, where the provider failed, or time was up, after some were reminded: those are not
 * to be again.
 */
const REST_AFTER_MS = 10 * 60_000;

/** Its workflow gives it two minutes: what it has done by then must have been told. */
const PATIENCE_MS = 90_000;

/**
 * The activity that has the provider remind signers, by its own word of whose turn it still is. A
 * worker that dies between the provider's answer and its own completion reminds the same signer
 * again: the provider has no idempotency key.
 */
export function createRemindSigners(
  dependencies: RemindSignersDependencies,
): Activities['remindSigners'] {
  return (input) => withFailures(() => remind(dependencies, input));
}

async function remind(
  dependencies: RemindSignersDependencies,
  { documentId, signerIds }: RemindSignersInput,
): Promise<RemindSignersResult> {
  const { now = Date.now, reminders, lookUpDocument, patienceMs = PATIENCE_MS } = dependencies;
  const morningMs = nextReminderTime(reminders.hours, now());
  if (morningMs !== undefined) return { results: [], notBefore: iso(morningMs) };
  const { cancellationSignal } = Context.current();
  const signal = AbortSignal.any([cancellationSignal, AbortSignal.timeout(patienceMs)]);
  const lookUp = await lookUpDocument({ documentId, awaitFinalPdf: false });
  const results: ReminderResult[] = [];
  for (const signerId of signerIds) {
    try {
      results.push(await remindOne(dependencies, lookUp.snapshot, { signerId, signal }));
    } catch (error) {
      const isForLater = error instanceof ProviderError || signal.aborted;
      if (!isForLater || !hasSent(results)) throw error;
      return { results, lookUp, notBefore: iso(now() + REST_AFTER_MS) };
    }
  }
  return { results, lookUp };
}

async function remindOne(
  { provider, reminders }: RemindSignersDependencies,
  snapshot: DocumentSnapshot | undefined,
  { signerId, signal }: { readonly signerId: string; readonly signal: AbortSignal },
): Promise<ReminderResult> {
  const isOpen = snapshot !== undefined && isBeingSigned(snapshot.status);
  const signer = snapshot?.signers.find(({ id }) => id === signerId);
  if (!isOpen || !signer || !isInvited(signer.status)) return { signerId, kind: 'notNeeded' };
  const answer = await provider.remindSigner(signerId, reminders.text, { signal });
  return answer.isSent
    ? { signerId, kind: 'sent' }
    : { signerId, kind: 'refused', reason: answer.reason };
}

function hasSent(results: readonly ReminderResult[]): boolean {
  return results.some(({ kind }) => kind === 'sent');
}

function iso(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
