import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { test, type TestContext } from 'node:test';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createAnnounce } from '../activities/announce.js';
import { createSlackChannel } from '../activities/announcements/slack-channel.js';
import { slackMessage } from '../activities/announcements/slack-message.js';
import type { Announcement, DocumentAnnouncement } from '../workflows/contract.js';
import { bodyOf, freshId, startStage } from './support/provider-stage.js';

const PATH = '/services/T000/B000/slack-secret';

function announcementOf(fields: Partial<DocumentAnnouncement> = {}): DocumentAnnouncement {
  return {
    event: 'document.rejected',
    documentId: freshId(),
    tag: 'lease-12',
    occurredAt: '2026-01-01T00:00:00.000Z',
    status: 'rejected',
    signers: [{ id: freshId(), status: 'rejected' }],
    rejection: { signerId: 's-1', reason: 'too dear' },
    ...fields,
  };
}

interface Workspace {
  /** Bodies of the messages, refused ones too. */
  readonly messages: string[];
  readonly tell: (a: Announcement, environment?: MockActivityEnvironment) => Promise<void>;
}

async function workspace(
  t: TestContext,
  answer: RequestListener = (_request, response) => response.end('ok'),
  timeoutMs?: number,
): Promise<Workspace> {
  const messages: string[] = [];
  const stage = await startStage((request, response) => {
    assert.equal(request.url, PATH);
    assert.equal(request.headers['content-type'], 'application/json');
    void bodyOf(request).then((body) => {
      messages.push(body);
      answer(request, response);
    });
  });
  const channel = createSlackChannel({ url: `${stage.origin}${PATH}`, timeoutMs });
  t.after(async () => {
    channel.close?.();
    await stage.close();
  });
  const announce = createAnnounce({ channels: [channel] });
  return {
    messages,
    tell: (announcement, environment = new MockActivityEnvironment()) =>
      environment.run(announce, { channel: 'slack' as const, announcement }),
  };
}

function isFailure(
  type: string,
  nonRetryable: boolean,
  delayMs?: number,
): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ApplicationFailure, String(error));
    assert.deepEqual([error.type, error.nonRetryable], [type, nonRetryable], error.message);
    if (delayMs !== undefined) assert.equal(error.nextRetryDelay, delayMs);
    assert.doesNotMatch(`${error.message} ${error.stack ?? ''}`, /slack-secret|T000|too dear/);
    return true;
  };
}

test('Slack gets a text for notifications and blocks to read, with the reference', async (t) => {
  const { messages, tell } = await workspace(t);
  const announcement = announcementOf();
  await tell(announcement);
  const { documentId } = announcement;
  const [body = ''] = messages;
  const message = JSON.parse(body) as ReturnType<typeof slackMessage>;
  assert.deepEqual(message, slackMessage(announcement));
  assert.equal(message.text, `Document rejected: lease-12 (${documentId})`);
  assert.match(body, /\*Reason given:\* too dear/);
  assert.ok(body.includes(`Reference: ${documentId}/document.rejected`));
});

test('other people’s words make no mention, link, line or escape in Slack', () => {
  const reason = '<!channel> <https://evil.example|click> & &lt;\n*x*';
  const text = JSON.stringify(slackMessage(announcementOf({ reason, tag: '<@U1>' })));
  assert.doesNotMatch(text, /<|>/);
  assert.match(
    text,
    /&lt;!channel&gt; &lt;https:\/\/evil\.example\|click&gt; &amp; &amp;lt; \*x\*/,
  );
  assert.ok(!text.includes('"verbatim":false') && text.includes('"verbatim":true'));
});

test('a message stays within what Slack takes, however much there is to tell', () => {
  const signers = Array.from({ length: 300 }, () => ({ id: freshId(), status: 'signed' as const }));
  const { blocks } = slackMessage(announcementOf({ signers, reason: `${'&'.repeat(498)}😀😀` }));
  for (const block of blocks) {
    const texts = block.type === 'section' ? [block.text] : block.elements;
    for (const { text } of texts) {
      assert.ok(text.length <= 3_000, String(text.length));
      assert.ok(text.length > 0);
      assert.doesNotMatch(text, /&(?!amp;|lt;|gt;)|[\uD800-\uDBFF](?![\uDC00-\uDFFF])/);
    }
  }
  assert.match(JSON.stringify(blocks), /… and \d+ more/);
});

test('once Slack asks to slow down, nothing is sent until then, and those that wait come one by one', async (t) => {
  const { messages, tell } = await workspace(t, (_request, response) =>
    response.writeHead(429, { 'retry-after': '30' }).end('rate_limited'),
  );
  await assert.rejects(tell(announcementOf()), isFailure('Throttled', false, 30_000));
  const delays: number[] = [];
  for (let count = 0; count < 3; count += 1) {
    await assert.rejects(tell(announcementOf()), (error: unknown) => {
      assert.ok(error instanceof ApplicationFailure);
      delays.push(Number(error.nextRetryDelay));
      return isFailure('Throttled', false)(error);
    });
  }
  assert.equal(messages.length, 1);
  assert.ok(
    delays.every((delay, index) => delay > (delays[index - 1] ?? 29_000)),
    String(delays),
  );
});

test('what Slack took is not sent again by the same process; what it did not take is', async (t) => {
  const answers = [500, 200];
  const { messages, tell } = await workspace(t, (_request, response) =>
    response.writeHead(answers.shift() ?? 200).end('ok'),
  );
  const announcement = announcementOf();
  await assert.rejects(tell(announcement), isFailure('Unavailable', false));
  await tell(announcement);
  await tell(announcement);
  assert.equal(messages.length, 2);
  await tell(announcementOf());
  assert.equal(messages.length, 3);
});

for (const [status, body] of [
  [400, 'invalid_payload'],
  [403, 'action_prohibited'],
  [404, 'no_service'],
  [410, 'channel_is_archived'],
  [302, ''],
] as const) {
  test(`Slack's ${status} ${body} is refused for good, and the failure says so`, async (t) => {
    const { messages, tell } = await workspace(t, (_request, response) =>
      response.writeHead(status, { location: 'http://127.0.0.1:1/' }).end(body),
    );
    await assert.rejects(tell(announcementOf()), (error: unknown) => {
      assert.match(String(error), new RegExp(body === '' ? 'NOTIFY_SLACK_URL' : body));
      return isFailure('RequestRefused', true)(error);
    });
    assert.equal(messages.length, 1);
  });
}

test('a Slack that is silent or not there is told again later, without its URL in the failure', async (t) => {
  const { tell } = await workspace(t, () => undefined, 100);
  await assert.rejects(tell(announcementOf()), isFailure('Unavailable', false));
  const gone = createSlackChannel({ url: `http://127.0.0.1:1${PATH}` });
  const input = { channel: 'slack' as const, announcement: announcementOf() };
  await assert.rejects(
    new MockActivityEnvironment().run(createAnnounce({ channels: [gone] }), input),
    isFailure('Unavailable', false),
  );
});

test('cancelling while Slack is silent cancels the activity', async (t) => {
  const environment = new MockActivityEnvironment();
  const { tell } = await workspace(t, () => {
    environment.cancel();
  });
  await assert.rejects(
    tell(announcementOf(), environment),
    (error: unknown) => error instanceof CancelledFailure,
  );
});

test('a Slack URL that is none cannot be used', () => {
  assert.throws(
    () => createSlackChannel({ url: 'ftp://slack-secret/' }),
    (error: Error) =>
      error.message.includes('NOTIFY_SLACK_URL') && !error.message.includes('slack-secret'),
  );
});
