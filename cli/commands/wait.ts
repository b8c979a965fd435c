import { EXIT_CODES } from '../command.js';
import type { Action } from '../command.js';
import { ANSWER_LIMIT, withCountersign } from '../countersign-connection.js';
import { documentIdOf } from '../document-id.js';
import { UsageError } from '../failures.js';

/** Node's timers end at once where they are to last longer than 2 ** 31 ms. */
const TIMEOUT_MAX_DAYS = 24;

/** Waits for the outcome. */
export const wait: Action = {
  name: 'wait',
  summary: 'waits for the outcome of a document: exit code 0 if completed, else 1',
  description:
    'Completed is signed by everybody and archived. Any other outcome exits with 1, and so does a time\n' +
    'that runs out.',
  usage: '<document>',
  options: {
    timeout: { type: 'string', value: '<duration>', help: 'waits no longer than e.g. 30s or 2h' },
  },
  json: 'the outcome: {"documentId", "kind", "status", "concludedAt", "signers", "archive"?, "rejection"?}',
  example: 'countersign wait 0f8b1c52-7d0e-4a55-9c3f-1f3b8f6f2a10 --timeout 2h',
  run: async (call) => {
    const { values, positionals, terminal, json } = call;
    const documentId = documentIdOf(positionals[0]);
    const timeoutMs = values.durationMs('timeout');
    if (timeoutMs !== undefined && timeoutMs > TIMEOUT_MAX_DAYS * 86_400_000) {
      throw new UsageError(
        `--timeout is ${TIMEOUT_MAX_DAYS}d at most; without it there is no limit`,
      );
    }
    const timeout = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs);
    const signal = AbortSignal.any([call.signal, ...(timeout ? [timeout] : [])]);
    return withCountersign(call, async (countersign) => {
      let isOver = false;
      void countersign.progress(documentId, ANSWER_LIMIT).catch((error: unknown) => {
        // Whatever else is wrong, the waiting ends with.
        const isUnanswered = error instanceof Error && error.name === 'NoAnswerError';
        if (isUnanswered && !isOver) terminal.note(`${error.message}: it is waited for`);
      });
      const outcome = await countersign
        .waitForOutcome(documentId, { signal })
        .catch((error: unknown) => {
          if (timeout?.aborted !== true || call.signal.aborted) throw error;
          throw new Error(`no outcome within ${values.text('timeout') ?? ''}`, { cause: error });
        })
        .finally(() => {
          isOver = true;
        });
      terminal.print(json ? JSON.stringify(outcome, null, 2) : outcome.kind);
      return outcome.kind === 'completed' ? EXIT_CODES.ok : EXIT_CODES.failed;
    });
  },
};
