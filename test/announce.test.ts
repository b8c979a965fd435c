import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingHttpHeaders, RequestListener, ServerResponse } from 'node:http';
import { test, type TestContext } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import pino from 'pino';
import { Webhook } from 'standardwebhooks';
import { createAnnounce } from '../activities/announce.js';
import { createHttpChannel } from '../activities/announcements/http-channel.js';
import { createLogChannel } from '../activities/announcements/log-channel.js';
import type { Announcement, ChannelName, DocumentAnnouncement } from '../workflows/contract.js';
import { bodyOf, freshId, startStage } from './support/provider-stage.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const secretOf = (letter: string): string =>
  `whsec_${Buffer.from(letter.repeat(32)).toString('base64')}`;

function announcementOf(fields: Partial<DocumentAnnouncement> = {}): DocumentAnnouncement {
  return {
    event: 'document.rejected',
    documentId: freshId(),
    occurredAt: '2026-01-01T00:00:00.000Z',
    status: 'rejected',
    signers: [{ id: freshId(), status: 'rejected' }],
    rejection: { signerId: 's-1', reason: 'Not what Ada agreed to' },
    ...fields,
  };
}

interface Delivery {
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

interface Receiver {
  readonly deliveries: Delivery[];
  readonly tell: (a: Announcement, environment?: MockActivityEnvironment) => Promise<void>;
}

async function receiver(
  t: TestContext,
  answer: RequestListener,
  options: { secrets?: readonly string[]; timeoutMs?: number } = {},
): Promise<Receiver> {
  const deliveries: Delivery[] = [];
  const stage = await startStage((request, response) => {
    const { url, headers } = request;
    void bodyOf(request).then((body) => {
      deliveries.push({ url, headers, body });
      answer(request, response);
    });
  });
  const channel = createHttpChannel({
    url: `${stage.origin}/hooks/token-in-path`,
    secrets: [secretOf('a')],
    ...options,
  });
  t.after(async () => {
    channel.close?.();
    await stage.close();
  });
  const announce = createAnnounce({ channels: [channel] });
  return {
    deliveries,
    tell: (announcement, environment = new MockActivityEnvironment()) =>
      environment.run(announce, { channel: 'http' as const, announcement }),
  };
}

function isFailure(expected: Partial<ApplicationFailure>): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ApplicationFailure, String(error));
    for (const [field, value] of Object.entries(expected)) {
      assert.deepEqual(
        error[field as keyof ApplicationFailure],
        value,
        `${field}: ${error.message}`,
      );
    }
    assert.doesNotMatch(error.message, /token-in-path|whsec/);
    return true;
  };
}

test('The log gets one line per event, without the words of a signer', async () => {
  const lines: string[] = [];
  const logger = pino({ level: 'info' }, { write: (line: string) => lines.push(line) });
  const announce = createAnnounce({ channels: [createLogChannel(logger)] });
  const announcement = announcementOf();
  await new MockActivityEnvironment().run(announce, { channel: 'log' as const, announcement });
  assert.equal(lines.length, 1);
  const line = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
  assert.equal(line['msg'], 'document.rejected');
  assert.equal(line['documentId'], announcement.documentId);
  assert.equal(line['rejectedBy'], 's-1');
  assert.equal(line['idempotencyKey'], `${announcement.documentId}/document.rejected`);
  assert.doesNotMatch(lines[0] ?? '', /Ada/);
});

test('No e-mail address in a reason is announced', async () => {
  const lines: string[] = [];
  const logger = pino({ level: 'info' }, { write: (line: string) => lines.push(line) });
  const announce = createAnnounce({ channels: [createLogChannel(logger)] });
  const announcement = announcementOf({ reason: 'withdrawn by ada@example.com' });
  await new MockActivityEnvironment().run(announce, { channel: 'log' as const, announcement });
  const line = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
  assert.equal(line['reason'], 'withdrawn by [e-mail address]');
});

test('A channel that this worker lacks is retried, and the message says what to set', async () => {
  const announce = createAnnounce({ channels: [] });
  for (const [channel, needs] of [
    ['http', /NOTIFY_WEBHOOK_URL/],
    ['email', /NOTIFY_SMTP_URL/],
    ['slack', /NOTIFY_SLACK_URL/],
    ['carrier pigeon' as ChannelName, /newer version/],
  ] as const) {
    await assert.rejects(
      new MockActivityEnvironment().run(announce, { channel, announcement: announcementOf() }),
      (error: unknown) => {
        assert.ok(error instanceof ApplicationFailure);
        assert.match(error.message, needs);
        return error.type === 'Unavailable' && error.nonRetryable === false;
      },
    );
  }
});

test('An HTTP message verifies with the Standard Webhooks library under every secret', async (t) => {
  const secrets = [secretOf('a'), secretOf('b')];
  const { deliveries, tell } = await receiver(t, (_request, response) => response.end(), {
    secrets,
  });
  const announcement = announcementOf();
  await tell(announcement);
  const [{ headers, body } = assert.fail('nothing delivered')] = deliveries;
  for (const secret of secrets) {
    const verified = new Webhook(secret).verify(body, headers as Record<string, string>);
    const { event, occurredAt, ...data } = announcement;
    assert.deepEqual(verified, { type: event, timestamp: occurredAt, data });
  }
  assert.equal(headers['webhook-id'], `${announcement.documentId}/document.rejected`);
  assert.equal(headers['content-type'], 'application/json');
  const other = new Webhook(secretOf('c'));
  assert.throws(() => other.verify(body, headers as Record<string, string>), /matching signature/);
});

test('A message about a run that somebody named by hand verifies, too', async (t) => {
  const { deliveries, tell } = await receiver(t, (_request, response) => response.end());
  for (const name of ['照合', 'Prüfung', ' two  words ', 'a\nb', '\ud800', '100%']) {
    const about = { occurredAt: '2026-01-01T00:00:00.000Z', reason: '2 were left out' };
    await tell({ event: 'reconciliation.failed', subject: `${name}/run-1`, ...about });
    const { headers, body } = deliveries.at(-1) ?? assert.fail('nothing delivered');
    new Webhook(secretOf('a')).verify(body, headers as Record<string, string>);
    assert.match(String(headers['webhook-id']), /^[\x21-\x7e]+\/run-1\/reconciliation\.failed$/);
  }
});

test('A repetition carries the same ID and the same body', async (t) => {
  const { deliveries, tell } = await receiver(t, (_request, response) => response.end());
  const announcement = announcementOf();
  await tell(announcement);
  await tell(announcement);
  assert.equal(deliveries[0]?.headers['webhook-id'], deliveries[1]?.headers['webhook-id']);
  assert.equal(deliveries[0]?.body, deliveries[1]?.body);
});

for (const [status, failure] of [
  [400, { type: 'RequestRefused', nonRetryable: true }],
  [404, { type: 'RequestRefused', nonRetryable: true }],
  [410, { type: 'RequestRefused', nonRetryable: true }],
  [302, { type: 'RequestRefused', nonRetryable: true }],
  [408, { type: 'Unavailable', nonRetryable: false, nextRetryDelay: 9_000 }],
  [425, { type: 'Unavailable', nonRetryable: false }],
  [429, { type: 'Throttled', nonRetryable: false, nextRetryDelay: 9_000 }],
  [500, { type: 'Unavailable', nonRetryable: false }],
  [503, { type: 'Unavailable', nonRetryable: false, nextRetryDelay: 9_000 }],
] as const) {
  test(`A receiver's ${status} is ${failure.type}, told once`, async (t) => {
    const headers = { 'retry-after': '9', location: '/elsewhere' };
    const { deliveries, tell } = await receiver(t, (_request, response) =>
      response.writeHead(status, headers).end('because ada@example.com'),
    );
    await assert.rejects(tell(announcementOf()), (error: unknown) => {
      assert.doesNotMatch(String(error), /ada@/);
      return isFailure(failure)(error);
    });
    assert.equal(deliveries.length, 1);
  });
}

test('Half a character in a receiver’s answer is told as one that nobody can read', async (t) => {
  const { tell } = await receiver(t, (_request, response) =>
    response.writeHead(500).end('"\\ud83d"'),
  );
  await assert.rejects(tell(announcementOf()), (error: Error) => error.message.endsWith(' \ufffd'));
});

test('A receiver that is silent, breaks off or is not there is told again later', async (t) => {
  const silent = await receiver(t, () => undefined, { timeoutMs: 100 });
  const broken = await receiver(t, (request) => request.socket.destroy());
  for (const { tell } of [silent, broken]) {
    await assert.rejects(
      tell(announcementOf()),
      isFailure({ type: 'Unavailable', nonRetryable: false }),
    );
  }
  const gone = createHttpChannel({ url: 'http://127.0.0.1:1/', secrets: [secretOf('a')] });
  const announce = createAnnounce({ channels: [gone] });
  const input = { channel: 'http' as const, announcement: announcementOf() };
  await assert.rejects(
    new MockActivityEnvironment().run(announce, input),
    isFailure({ type: 'Unavailable' }),
  );
});

for (const [what, answer] of [
  ['long', (response) => response.end('x'.repeat(200_000))],
  ['never ending', (response) => response.write('taken')],
  ['cut off', (response) => response.write('taken', () => response.socket?.destroy())],
  ['none of its encoding', (response) => response.end('no gzip at all')],
] as const satisfies readonly [string, (response: ServerResponse) => unknown][]) {
  const head = what.startsWith('none') ? { 'content-encoding': 'gzip' } : {};
  test(`An answer that is ${what} is taken by its status`, async (t) => {
    for (const [status, failure] of [
      [200, undefined],
      [410, { type: 'RequestRefused', nonRetryable: true }],
      [429, { type: 'Throttled', nextRetryDelay: 9_000 }],
    ] as const) {
      const { deliveries, tell } = await receiver(
        t,
        (_request, response) => {
          answer(response.writeHead(status, { 'retry-after': '9', ...head }));
        },
        { timeoutMs: 300 },
      );
      const telling = tell(announcementOf());
      await (failure ? assert.rejects(telling, isFailure(failure)) : telling);
      assert.equal(deliveries.length, 1);
    }
  });
}

for (const status of [200, 503]) {
  const title = `The connection of a ${status} that never ends is closed once time is up`;
  test(title, { timeout: 20_000 }, async (t) => {
    const collecting = setInterval(collectGarbage, 20);
    t.after(() => {
      clearInterval(collecting);
    });
    let closed: Promise<unknown> = Promise.resolve();
    const { tell } = await receiver(
      t,
      (_request, response) => {
        closed = once(response, 'close');
        response.writeHead(status).write('taken');
      },
      { timeoutMs: 300 },
    );
    const telling = tell(announcementOf());
    await (status === 200 ? telling : assert.rejects(telling, isFailure({ type: 'Unavailable' })));
    await closed;
  });
}

test('Cancelling while a receiver is silent cancels the activity', async (t) => {
  const environment = new MockActivityEnvironment();
  const { tell } = await receiver(t, () => {
    environment.cancel();
  });
  await assert.rejects(
    tell(announcementOf(), environment),
    (error: unknown) => error instanceof CancelledFailure,
  );
});

test('A channel without secrets, or with a broken secret or URL, cannot be made', () => {
  const url = 'https://receiver.example/';
  assert.throws(() => createHttpChannel({ url, secrets: [] }), /NOTIFY_WEBHOOK_SECRETS/);
  for (const broken of ['whsec_', 'whsec_not base64!']) {
    assert.throws(
      () => createHttpChannel({ url, secrets: [secretOf('a'), broken] }),
      (error: Error) => error.message.includes('number 2') && !error.message.includes('base64!'),
    );
  }
  assert.throws(
    () => createHttpChannel({ url: 'ftp://x/', secrets: [secretOf('a')] }),
    /NOTIFY_WEBHOOK_URL/,
  );
});
