/** The webhook behind a real socket, with an inbox that only records; and what must always hold. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { createCallbackIntake } from '../../webhook/callback-intake.js';
import type { InboxMessage } from '../../webhook/callback-inbox.js';
import { Refusal, type RefusalReason } from '../../webhook/errors.js';
import { startTestWebhook, type TestWebhook } from '../support/webhook-harness.js';
import { NOW_MS } from './hostile-callbacks.js';
import { provider, SECRET, TOKEN, wireBytes, type HostileRequest } from './hostile-requests.js';
import { MessageShape } from './inbox-shape.js';

const MAX_AGE_MS = 7 * 86_400_000;

/** What is answered, by status. No 5xx but what Node says of a method that is none. */
const REASONS: ReadonlyMap<number, readonly RefusalReason[]> = new Map([
  [
    400,
    [
      ...(['fieldMalformed', 'fieldMissing', 'fieldRepeated', 'formMalformed'] as const),
      ...(['jsonMalformed', 'ambiguous', 'unknownFormat', 'truncated', 'badHttp'] as const),
    ],
  ],
  [
    401,
    [
      ...(['signatureMissing', 'signatureMalformed', 'signatureRepeated'] as const),
      ...(['signatureWrong', 'signedPartMissing', 'tokenWrong'] as const),
    ],
  ],
  [404, ['notFound']],
  [405, ['methodNotAllowed']],
  [413, ['tooLarge', 'tooManyEntries', 'badHttp']],
  [415, ['unsupportedType', 'unsupportedCharset', 'unsupportedEncoding']],
  [431, ['badHttp']],
  [501, ['badHttp']],
]);

/** A sender that has nothing more to say, in ms. */
const HALF_CLOSE_MS = 100;

/** From the first byte to the end of the connection, in ms. */
const CASE_MAX_MS = 5000;

/** How often each answer was given, and each kind of message stored: shows that a run was one. */
export type Tally = Map<string, number>;

export interface RouteFuzz {
  readonly tally: Tally;
  check(request: HostileRequest): Promise<void>;
  close(): Promise<void>;
}

/** Starts the webhook; `check` sends one request and throws where something does not hold. */
export async function startRouteFuzz(): Promise<RouteFuzz> {
  const trust = { publicKeys: [provider.publicKey], hmacSecrets: [SECRET], tokens: [TOKEN] };
  const webhook = await startTestWebhook({ trust, maxAgeMs: MAX_AGE_MS, now: () => NOW_MS });
  const tally: Tally = new Map();
  const count = (what: string): void => void tally.set(what, (tally.get(what) ?? 0) + 1);
  return {
    tally,
    check: async (request) => {
      webhook.stored.length = 0;
      webhook.log.length = 0;
      const answer = await exchange(webhook, wireBytes(request));
      count(checkAnswer(answer, request));
      await checkStored(webhook.stored, request, count);
      checkLog(webhook.log);
    },
    close: () => webhook.close(),
  };
}

async function exchange({ port }: TestWebhook, bytes: Buffer): Promise<string> {
  const startedMs = performance.now();
  const chunks: Buffer[] = [];
  await new Promise<void>((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    const half = setTimeout(() => socket.end(), HALF_CLOSE_MS);
    const limit = setTimeout(() => {
      socket.destroy(new Error(`no end within ${CASE_MAX_MS} ms`));
    }, CASE_MAX_MS);
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    // A reset after the answer is the end like any other; one without is seen by its absence.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error);
    });
    socket.on('close', () => {
      clearTimeout(half);
      clearTimeout(limit);
      resolve();
    });
    socket.write(bytes);
  });
  const tookMs = performance.now() - startedMs;
  assert.ok(tookMs < CASE_MAX_MS, `took ${Math.round(tookMs)} ms`);
  return Buffer.concat(chunks).toString();
}

function checkAnswer(answer: string, request: HostileRequest): string {
  // What was damaged on the wire may be no request at all any more.
  if (answer === '' && request.wire !== undefined) return 'no answer';
  const final = answer.replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, '');
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(final)?.[1]);
  const body = final.slice(final.indexOf('\r\n\r\n') + 4);
  if (status === 200) return '200';
  const reasons = REASONS.get(status);
  assert.ok(reasons !== undefined, `answered ${final.slice(0, 300)}`);
  // Node's own answer to a request without a host: an empty body in chunks.
  if (body === '' || body === '0\r\n\r\n') {
    const isBodyless = request.method === 'HEAD' || request.wire !== undefined;
    assert.ok(isBodyless, `no reason in ${final.slice(0, 300)}`);
    return String(status);
  }
  const { error, message } = JSON.parse(body) as { error: RefusalReason; message: string };
  assert.ok(reasons.includes(error), `${status} ${error}`);
  assert.ok(message.length > 0 && message.length < 300 && !message.includes(TOKEN), message);
  return `${status} ${error}`;
}

/** Whatever reached the inbox is what the provider signed, or a hint that the token let in. */
async function checkStored(
  stored: readonly InboxMessage[],
  request: HostileRequest,
  count: (what: string) => void,
): Promise<void> {
  assert.ok(stored.length <= 1);
  for (const message of stored) {
    MessageShape.parse(message);
    count(`stored ${message.kind}`);
    if (message.kind === 'hint') {
      assert.ok(request.path.startsWith(`/callbacks/legalesign/${TOKEN}`), 'a hint without token');
    } else {
      assert.deepEqual([message], await genuineMessages(request));
    }
  }
}

/** What the signed bytes alone say, without any route. */
async function genuineMessages({ signed }: HostileRequest): Promise<InboxMessage[]> {
  const messages: InboxMessage[] = [];
  if (signed === undefined) return messages;
  const inbox = {
    store: (message: InboxMessage) => {
      messages.push(message);
      return Promise.resolve('stored' as const);
    },
  };
  const intake = createCallbackIntake({ inbox, maxAgeMs: MAX_AGE_MS, now: () => NOW_MS });
  try {
    await intake(signed);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
  return messages;
}

function checkLog(lines: readonly string[]): void {
  for (const line of lines) {
    const { level } = JSON.parse(line) as { level: number };
    assert.ok(level < 50, line);
    for (const secret of [TOKEN, SECRET]) assert.ok(!line.includes(secret), line);
  }
}
