import {
  ActivityFailure,
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  log,
  patched,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  TimeoutFailure,
  upsertMemo,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { Alarm } from './alarm.js';
import { channelsFor } from './channels-for.js';
import { changedTermsProblems } from './chasing-terms.js';
import { STALLS_OWED_MAX, stallOccasion, stallsOwed, withReminders } from './chasing.js';
import {
  changeTermsUpdate,
  DIGEST_MEMO,
  FAILURE_TYPES,
  missedChangesQuery,
  noticeReceivedSignal,
  occasionOf,
  progressQuery,
  refreshSignal,
  retrySignal,
  statusChangedSignal,
  stopSignal,
  trackingRequestedSignal,
  waitForChangeUpdate,
  waitForOutcomeUpdate,
} from './contract.js';
import type {
  Activities,
  AnnouncementEvent,
  ArchivedSummary,
  ChasingTerms,
  DocumentAnnouncement,
  DocumentSigningInput,
  LookUpDocumentResult,
  OutcomeKind,
  OutcomePolicy,
  ReceiptSummary,
  RemindSignersResult,
  SigningOutcome,
  StatusReport,
  TrackingTerms,
} from './contract.js';
import {
  initialState,
  isOvertaken,
  withAbsence,
  withAnnouncement,
  withAttention,
  withChasing,
  withLookUp,
  withoutOwed,
  withReport,
  withRetry,
  withStop,
  withoutAbsence,
  withTerms,
} from './document-state.js';
import type { Attention, DocumentState, OwedAnnouncement } from './document-state.js';
import { detailsOf, stallReason, waitSummary } from './document-details.js';
import { DESCRIBED as described } from './document-messages.js';
import { missedChangesAnswer, searchAttributeChanges, viewOf } from './document-view.js';
import { lastFailureBefore } from './failure-text.js';
import { CONCLUDE_TASK, isGone, nextStep } from './next-step.js';
import type { OwedBounds, Step } from './next-step.js';
import { documentStatus, signerViews } from './progress.js';
import type { SignerView } from './progress.js';
import { OWED_MAX } from './signer-events.js';
import { countedAnew } from './signing-turns.js';
import { progressDigest } from './status-digest.js';

const FOREVER = { initialInterval: '2s', maximumInterval: '15m' } as const;

/** Without a beat, a question that a dying worker took along is asked again only after minutes. */
const HEARTBEAT_TIMEOUT = '20s';

const { lookUpDocument } = proxyActivities<Activities>({
  startToCloseTimeout: '2m',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  scheduleToCloseTimeout: '2d',
  retry: FOREVER,
});
/** A PDF may be large and its line slow; de-archiving alone takes the provider four hours. */
const { archiveDocument } = proxyActivities<Activities>({
  startToCloseTimeout: '1h',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  scheduleToCloseTimeout: '2d',
  retry: FOREVER,
});
/** What is not sent within the hour is left to the next reminder. */
const { remindSigners } = proxyActivities<Activities>({
  startToCloseTimeout: '2m',
  scheduleToCloseTimeout: '1h',
  retry: FOREVER,
});
const { announce, readPolicy } = proxyActivities<Activities>({
  startToCloseTimeout: '1m',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  scheduleToCloseTimeout: '3d',
  retry: FOREVER,
});

/**
 * Signals after which the run continues as new: the server's own suggestion ignores signals, and
 * refuses a run's 10,001st. The second figure no longer waits for announcements under way.
 */
const SIGNALS_PER_RUN = 2_000;
const SIGNALS_PER_RUN_MAX = 6_000;

/** Signers that an event of one of them lists. */
const SIGNERS_ANNOUNCED_MAX = 50;

/** Runs from before it told of a first failure to the log alone. */
const POLICY_BEFORE_ATTENTION = 'policy-before-attention';

/** Runs from before that announced every event of a signer, however much was owed. */
const OWED_BOUND = 'owed-bound';

/** Runs from before it forgot the channels along with an answer that was taken back. */
const EARLIER_POLICY = 'earlier-policy';

/** Runs from before it forgot how a document is followed up along with such an answer. */
const EARLIER_FOLLOW_UP = 'earlier-follow-up';

/** Of an attention: no worker answered, or every answer was that it failed, for days. */
const TIMED_OUT = 'TimedOut';

/** Runs from before that announced every standstill, however many were owed. */
const STALLS_BOUND = 'stalls-bound';

/** Runs from before that counted a turn that came again from its old invitation. */
const TURN_AGAIN = 'turn-again';

/** Runs from before that believed an "unknown" more than who saw the document meanwhile. */
const VOUCHED_MEANWHILE = 'vouched-meanwhile';

/** Runs from before that asked for ever for a document that is gone with a question open. */
const ABSENCE_BOUND = 'absence-bound';

/** Runs from before whose default deadline was no change where the provider knew no document. */
const DEADLINE_TOLD = 'deadline-told';

/** One document's signing, from its creation to its archived and announced outcome. */
export async function documentSigning(input: DocumentSigningInput): Promise<SigningOutcome> {
  return new DocumentSigning(input).run();
}

/** The durable shell: keeps the state, receives messages, carries out what `nextStep` decides. */
class DocumentSigning {
  #state: DocumentState;
  #signals = 0;
  #isLeaving = false;
  readonly #alarm = new Alarm();
  readonly #announcing = new Set<OwedAnnouncement>();
  #attempting: CancellationScope | undefined;
  #isReminding = false;

  constructor(input: DocumentSigningInput) {
    this.#state = initialState(input, Date.now());
    this.#receiveMessages();
    this.#receiveRepairs();
    this.#answerQuestions();
  }

  async run(): Promise<SigningOutcome> {
    for (;;) {
      this.#payOwed();
      this.#keepFollowUp();
      this.#countTurns();
      const step = nextStep(this.#state, Date.now(), this.#owedBounds());
      switch (step.kind) {
        case 'ask':
          await this.#attempt(step, () => this.#ask(step.reason));
          break;
        case 'conclude':
          await this.#attempt(step, () => this.#conclude(step.outcome));
          break;
        case 'remind':
          await this.#attempt(step, () => this.#remind(step.signerIds));
          break;
        case 'announce':
          this.#announce(step.event, occasionFields(step, this.#state));
          break;
        case 'contradict':
          this.#announce('document.contradicted', { reason: step.reason });
          break;
        case 'fail':
          await this.#attempt(step, () => Promise.reject(refused(step.reason)));
          break;
        case 'wait':
          await this.#wait(step);
          break;
        case 'finish':
          return this.#finish();
      }
    }
  }

  #receiveMessages(): void {
    setHandler(
      statusChangedSignal,
      (report: Partial<StatusReport> | undefined) => {
        if (isReport(report)) this.#take(withReport(this.#state, report, Date.now()));
        else this.#ignore('statusChanged');
      },
      described.statusChanged,
    );
    const ask = (): void => {
      this.#take({ ...this.#state, mustAsk: !this.#state.outcome });
    };
    setHandler(noticeReceivedSignal, ask, described.noticeReceived);
    setHandler(refreshSignal, ask, described.refresh);
    setHandler(
      trackingRequestedSignal,
      (terms: TrackingTerms | undefined) => {
        if (isTerms(terms)) this.#take(withTerms(this.#state, terms, Date.now()));
        else this.#ignore('trackingRequested');
      },
      described.trackingRequested,
    );
  }

  /** What people send. */
  #receiveRepairs(): void {
    setHandler(
      retrySignal,
      () => {
        this.#take(withRetry(this.#state));
        // What waits for its next attempt (in four hours, say) is begun again at once.
        this.#attempting?.cancel();
      },
      described.retry,
    );
    setHandler(
      stopSignal,
      (reason: unknown) => {
        this.#take(withStop(this.#state, typeof reason === 'string' ? reason : ''));
        this.#attempting?.cancel();
      },
      described.stop,
    );
    setHandler(
      changeTermsUpdate,
      (terms) => {
        this.#take(withChasing(this.#state, terms));
        return viewOf(this.#state);
      },
      {
        ...described.changeTerms,
        validator: (terms: ChasingTerms | undefined) => {
          requireTerms(terms, this.#state);
        },
      },
    );
  }

  #answerQuestions(): void {
    setHandler(progressQuery, () => viewOf(this.#state), described.progress);
    setHandler(
      missedChangesQuery,
      ({ snapshot, key }) => missedChangesAnswer(this.#state, snapshot, key),
      described.missedChanges,
    );
    setHandler(
      waitForOutcomeUpdate,
      async () => {
        await condition(() => this.#isLeaving || this.#state.outcome !== undefined);
        return this.#state.outcome;
      },
      described.waitForOutcome,
    );
    setHandler(
      waitForChangeUpdate,
      async ({ afterRevision }) => {
        await condition(() => this.#isLeaving || this.#state.revision > afterRevision);
        return viewOf(this.#state);
      },
      { ...described.waitForChange, validator: requireRevision },
    );
  }

  /** Sent by hand, it may carry anything; a throwing handler would block the document for ever. */
  #ignore(signal: string): void {
    log.warn(`a ${signal} signal without its content was ignored`);
  }

  /** Handlers are synchronous: what they were told is in the state before anything else runs. */
  #take(state: DocumentState): void {
    this.#signals += 1;
    this.#state = state;
    // A reminder that the provider does not take must not hold up the end.
    const isOvertaken = this.#isReminding && nextStep(state, Date.now()).kind === 'conclude';
    if (isOvertaken) this.#attempting?.cancel();
  }

  #owedBounds(): OwedBounds {
    const isFull = this.#state.owed.length >= OWED_MAX;
    const isStalled = stallsOwed(this.#state) >= STALLS_OWED_MAX;
    return {
      ...(isFull && !patched(OWED_BOUND) ? { owedMax: Infinity } : {}),
      ...(isStalled && !patched(STALLS_BOUND) ? { stallsOwedMax: Infinity } : {}),
    };
  }

  /** Runs a task; a failure for good is shown and announced, and waits for `retry`. */
  async #attempt(step: Step, task: () => Promise<void>): Promise<void> {
    setCurrentDetails(detailsOf(this.#state, Date.now(), step));
    const scope = new CancellationScope();
    this.#attempting = scope;
    this.#isReminding = step.kind === 'remind';
    try {
      await scope.run(task);
    } catch (error) {
      if (isCancellation(error) && scope.consideredCancelled && !isWorkflowCancelled()) return;
      const attention = attentionOf(error);
      if (!attention) throw error;
      this.#state = withAttention(this.#state, CONCLUDE_TASK, attention);
      // A callback may have told of the end before the provider was asked for the first time.
      if (!policyOf(this.#state) && patched(POLICY_BEFORE_ATTENTION)) await this.#awaitPolicy();
      const isForgery = attention.failureType === FAILURE_TYPES.integrityFailed;
      const event = isForgery ? 'document.integrityFailed' : 'document.needsAttention';
      this.#announce(event, { reason: attention.message });
    } finally {
      this.#attempting = undefined;
      this.#isReminding = false;
    }
  }

  async #ask(reason: string): Promise<void> {
    const { documentId } = this.#state;
    const askedMs = Date.now();
    // Before the question, so that a notice that comes meanwhile asks once more.
    this.#state = { ...this.#state, mustAsk: false };
    const lookUp = await lookUpDocument.executeWithOptions(
      { summary: `Ask the provider: ${reason}` },
      [{ documentId, awaitFinalPdf: false }],
    );
    this.#hear(lookUp, askedMs);
  }

  #hear(lookUp: LookUpDocumentResult, askedMs: number): void {
    const before = this.#state;
    const nowMs = Date.now();
    const state = withLookUp(before, lookUp, nowMs);
    const wasLate = isOvertaken(before, lookUp, askedMs) && patched(VOUCHED_MEANWHILE);
    const heard = wasLate ? withoutAbsence(state) : state;
    const isUntold = state.deadline !== before.deadline && state.revision === before.revision;
    const revision = heard.revision + (isUntold && patched(DEADLINE_TOLD) ? 1 : 0);
    const told = { ...heard, revision };
    const absent = withAbsence(told, nowMs);
    this.#state = absent !== told && patched(ABSENCE_BOUND) ? absent : told;
  }

  async #remind(signerIds: readonly string[]): Promise<void> {
    const { documentId } = this.#state;
    const askedMs = Date.now();
    const summary = `Remind ${signerIds.join(', ')} to sign`;
    const result = await remindSigners
      .executeWithOptions({ summary }, [{ documentId, signerIds }])
      .catch((error: unknown) => unsentReminders(signerIds, error));
    if (result.lookUp) this.#hear(result.lookUp, askedMs);
    this.#state = withReminders(this.#state, result, Date.now());
  }

  async #conclude(kind: OutcomeKind): Promise<void> {
    if (kind === 'completed') return this.#complete();
    if (kind === 'stopped' && this.#state.stop) return this.#stop();
    if (this.#state.mustAsk || !isKnownFromProvider(this.#state, kind)) {
      await this.#ask(`${kind}: the last word`);
      if (!this.#stillConcludes(kind)) return;
    }
    const { receipt } = this.#state.lookUp ?? {};
    if (receipt) {
      // It was erased: nothing is told of it once more.
      this.#settle({ ...this.#outcome(kind), archive: receipt, alreadyArchived: true }, 0);
      return;
    }
    this.#settle(this.#outcome(kind), this.#state.lookUp?.policy.lingerMs ?? 0);
    this.#announce(`document.${kind}`);
  }

  /** The provider is not asked: it may be why operations give up. */
  async #stop(): Promise<void> {
    if (!policyOf(this.#state)) await this.#learnPolicy();
    const { reason = '' } = this.#state.stop ?? {};
    this.#settle({ ...this.#outcome('stopped'), stopReason: reason }, 0);
    this.#announce('document.stopped', { reason, occasion: workflowInfo().firstExecutionRunId });
  }

  async #learnPolicy(): Promise<void> {
    const policy = await readPolicy.executeWithOptions({ summary: 'Ask whom to tell' }, []);
    this.#state = { ...this.#state, policy };
  }

  /** Without workers for days: a failure is told of once there are some, on all channels. */
  async #awaitPolicy(): Promise<void> {
    try {
      await this.#learnPolicy();
    } catch (error) {
      const attention = attentionOf(error);
      if (!attention) throw error;
      // Any other failure would come again at once: the log alone is told.
      if (attention.failureType === TIMED_OUT) await this.#awaitPolicy();
    }
  }

  /** The answer may tell of another outcome: what to do follows from all that is known now. */
  #stillConcludes(kind: OutcomeKind): boolean {
    const step = nextStep(this.#state, Date.now());
    return step.kind === 'conclude' && step.outcome === kind;
  }

  async #complete(): Promise<void> {
    const archived = this.#state.lookUp?.receipt ?? (await this.#archive());
    if (!archived) {
      if (!this.#stillConcludes('completed')) return;
      throw refused(
        'a callback says that the final PDF exists, but the provider does not show it to us',
      );
    }
    const outcome = { ...this.#outcome('completed'), archive: archived };
    if (archived.workflow.firstExecutionRunId !== workflowInfo().firstExecutionRunId) {
      this.#settle({ ...outcome, alreadyArchived: true }, 0);
      return;
    }
    this.#settle(outcome, this.#state.lookUp?.policy.lingerMs ?? 0);
    this.#announce('document.completed');
  }

  async #archive(): Promise<ReceiptSummary | undefined> {
    const { documentId, progress } = this.#state;
    const { workflowId, firstExecutionRunId } = workflowInfo();
    const workflow = { workflowId, firstExecutionRunId };
    const { lookUp, receipt } = await archiveDocument.executeWithOptions(
      { summary: 'Fetch the signed PDF and its audit log, check the hash, archive both' },
      [{ documentId, progress, workflow }],
    );
    this.#state = withLookUp(this.#state, lookUp, Date.now());
    return receipt ?? lookUp.receipt;
  }

  #outcome(kind: OutcomeKind): SigningOutcome {
    const { documentId, progress } = this.#state;
    const signers = signerViews(progress);
    const rejecting = signers.find(({ status }) => status === 'rejected');
    const reason = rejecting?.rejectionReason ?? '';
    return {
      documentId,
      kind,
      status: documentStatus(progress),
      concludedAt: now(),
      signers: signers.map(({ id, status }) => ({ id, status })),
      ...(rejecting ? { rejection: { signerId: rejecting.id, reason } } : {}),
    };
  }

  #settle(outcome: SigningOutcome, lingerMs: number): void {
    const revision = this.#state.revision + 1;
    const settled = { ...this.#state, outcome, revision, lingerUntilMs: Date.now() + lingerMs };
    this.#state = withAttention(settled, CONCLUDE_TASK, undefined);
  }

  #announce(
    event: AnnouncementEvent,
    more: Pick<DocumentAnnouncement, 'occasion' | 'reason'> = {},
  ): void {
    const { documentId, group, tag, progress, outcome } = this.#state;
    const announcement: DocumentAnnouncement = {
      event,
      documentId,
      ...(group === undefined ? {} : { group }),
      ...(tag === undefined ? {} : { tag }),
      occurredAt: now(),
      status: documentStatus(progress),
      signers: announcedSigners(signerViews(progress), more.occasion),
      ...(outcome?.archive ? { archive: summaryOf(outcome.archive) } : {}),
      ...(outcome?.rejection ? { rejection: outcome.rejection } : {}),
      ...more,
    };
    // Before the first answer no worker has said which channels there are: the log always is.
    const policy = policyOf(this.#state) ?? this.#earlierPolicy() ?? { channels: ['log'] };
    const channels = channelsFor(policy, event);
    this.#state = withAnnouncement(this.#state, announcement, channels);
    this.#payOwed();
  }

  #earlierPolicy(): OutcomePolicy | undefined {
    const { earlierPolicy } = this.#state;
    return earlierPolicy && patched(EARLIER_POLICY) ? earlierPolicy : undefined;
  }

  #keepFollowUp(): void {
    const { lookUp, earlierPolicy, followUp } = this.#state;
    const told = earlierPolicy?.followUp;
    if (lookUp || !told || told === followUp || !patched(EARLIER_FOLLOW_UP)) return;
    this.#state = { ...this.#state, followUp: told };
  }

  #countTurns(): void {
    const { turns = {}, revision } = this.#state;
    const counted = countedAnew(turns);
    if (counted === turns || !patched(TURN_AGAIN)) return;
    this.#state = { ...this.#state, turns: counted, revision: revision + 1 };
  }

  #payOwed(): void {
    for (const owed of this.#state.owed) {
      if (this.#announcing.has(owed) || this.#state.attention[taskOf(owed)]) continue;
      this.#announcing.add(owed);
      void this.#pay(owed);
    }
  }

  /** One execution per channel: one channel's failure never repeats another's message. */
  async #pay(owed: OwedAnnouncement): Promise<void> {
    try {
      await announce.executeWithOptions({ summary: announcementSummary(owed) }, [owed]);
      this.#state = withoutOwed(this.#state, owed);
    } catch (error) {
      const attention = attentionOf(error);
      // Only the cancellation of the whole workflow remains, and that ends it elsewhere.
      if (attention) this.#state = withAttention(this.#state, taskOf(owed), attention);
    } finally {
      this.#announcing.delete(owed);
    }
  }

  /** The only place where the workflow waits for news; and so where it may continue as new. */
  async #wait({ untilMs, mayEndEarlier }: Extract<Step, { kind: 'wait' }>): Promise<void> {
    this.#show();
    if (this.#mustContinueAsNew()) {
      await this.#leave();
      const { documentId } = this.#state;
      await continueAsNew<typeof documentSigning>({ documentId, carried: this.#state });
    }
    this.#alarm.set(untilMs, { mayEndEarlier, summary: waitSummary(this.#state, untilMs) });
    const seen = this.#state;
    await condition(() => this.#state !== seen || this.#alarm.hasRung);
  }

  #show(): void {
    setCurrentDetails(detailsOf(this.#state, Date.now()));
    const changes = searchAttributeChanges(this.#state, workflowInfo().typedSearchAttributes);
    if (changes.length > 0) upsertSearchAttributes(changes);
    const digest = progressDigest(this.#state.documentId, this.#state.progress);
    // Free of charge, other than a search attribute, and listed beside it.
    if (workflowInfo().memo?.[DIGEST_MEMO] !== digest) upsertMemo({ [DIGEST_MEMO]: digest });
  }

  #mustContinueAsNew(): boolean {
    if (this.#signals >= SIGNALS_PER_RUN_MAX) return true;
    const isLong = this.#signals >= SIGNALS_PER_RUN || workflowInfo().continueAsNewSuggested;
    return isLong && this.#announcing.size === 0;
  }

  async #finish(): Promise<SigningOutcome> {
    this.#show();
    await this.#leave();
    const { outcome } = this.#state;
    if (!outcome) throw new Error('a document finishes only with an outcome');
    return outcome;
  }

  /** Lets waiting Updates answer before this run ends. */
  async #leave(): Promise<void> {
    this.#isLeaving = true;
    await condition(allHandlersFinished);
  }
}

function now(): string {
  return new Date().toISOString();
}

/** Each signer's event with all signers of a large document would not fit into the state. */
function announcedSigners(
  signers: readonly SignerView[],
  occasion: string | undefined,
): DocumentAnnouncement['signers'] {
  const about = signers.length > SIGNERS_ANNOUNCED_MAX && signers.find(({ id }) => id === occasion);
  return (about ? [about] : signers).map(({ id, status }) => ({ id, status }));
}

function taskOf({ channel, announcement }: OwedAnnouncement): string {
  return `announce ${occasionOf(announcement)} by ${channel}`;
}

function announcementSummary({ channel, announcement }: OwedAnnouncement): string {
  return `Announce ${occasionOf(announcement)} by ${channel}`;
}

/** A worker has told its settings, with an answer or alone. */
function policyOf({ lookUp, policy }: DocumentState): OutcomePolicy | undefined {
  return lookUp?.policy ?? policy;
}

function occasionFields(
  step: Extract<Step, { kind: 'announce' }>,
  state: DocumentState,
): Pick<DocumentAnnouncement, 'occasion' | 'reason'> {
  if (step.event !== 'document.stalled') return { occasion: step.signerId };
  return { occasion: stallOccasion(step.sinceMs), reason: stallReason(state, step.sinceMs) };
}

/** Shown, not announced: the next reminder tries again, and nothing else waits for it. */
function unsentReminders(signerIds: readonly string[], error: unknown): RemindSignersResult {
  const attention = isCancellation(error) ? undefined : attentionOf(error);
  if (!attention) throw error;
  const reason = `${attention.failureType}: ${attention.message}`;
  return { results: signerIds.map((signerId) => ({ signerId, kind: 'refused', reason })) };
}

function requireTerms(terms: ChasingTerms | undefined, { outcome }: DocumentState): void {
  const problems = outcome
    ? [`the document has its outcome (${outcome.kind}): nothing of it is chased any more`]
    : changedTermsProblems(terms, Date.now());
  if (problems.length > 0) throw ApplicationFailure.nonRetryable(problems.join('; '));
}

function isWorkflowCancelled(): boolean {
  return CancellationScope.current().consideredCancelled;
}

function requireRevision(after: { readonly afterRevision?: unknown } | undefined): void {
  if (typeof after?.afterRevision === 'number') return;
  throw ApplicationFailure.nonRetryable('waitForChange takes { afterRevision: number }');
}

function isReport(report: Partial<StatusReport> | undefined): report is StatusReport {
  const { changes, bounces, snapshot } = report ?? {};
  return (
    areAll(changes, hasStatus) &&
    areAll(bounces ?? [], isRecord) &&
    (!snapshot || (hasStatus(snapshot) && hasLabels(snapshot) && areAll(snapshot.signers, isShown)))
  );
}

function isTerms(terms: TrackingTerms | undefined): terms is TrackingTerms {
  return isRecord(terms) && hasLabels(terms) && areAll(terms['signers'] ?? [], isShown);
}

/** What is shown of a signer as text is text. */
function isShown(signer: unknown): boolean {
  return hasStatus(signer) && hasTexts(signer, ['role', 'rejectionReason']);
}

function hasLabels(subject: unknown): boolean {
  return hasTexts(subject, ['group', 'tag']);
}

function hasTexts(subject: unknown, names: readonly string[]): boolean {
  return isRecord(subject) && names.every((name) => typeof (subject[name] ?? '') === 'string');
}

function areAll(list: unknown, isRight: (each: unknown) => boolean): boolean {
  return Array.isArray(list) && list.every(isRight);
}

function hasStatus(subject: unknown): boolean {
  return isRecord(subject) && typeof subject['status'] === 'string';
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** The last answer already shows this outcome, in full: nobody needs to be asked again. */
function isKnownFromProvider(state: DocumentState, kind: OutcomeKind): boolean {
  const status = state.lookUp?.snapshot?.status;
  if (kind === 'removed') return status === 'removed' || isGone(state);
  return kind === 'rejected' && status === 'rejected';
}

function summaryOf(receipt: ReceiptSummary): ArchivedSummary {
  const { files, providerHash, archivedAt } = receipt;
  return { files, providerHash, archivedAt };
}

function refused(reason: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(reason, FAILURE_TYPES.requestRefused);
}

/** Why a task failed for good; undefined for what is not a task's: a bug, a cancellation. */
function attentionOf(error: unknown): Attention | undefined {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure) {
    return { failureType: cause.type ?? 'Failure', message: cause.message };
  }
  if (cause instanceof TimeoutFailure) {
    const last = lastFailureBefore(cause) ?? cause.message;
    return { failureType: TIMED_OUT, message: `still failing after all attempts: ${last}` };
  }
  return undefined;
}
