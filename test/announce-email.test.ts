import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { createAnnounce } from '../activities/announce.js';
import {
  createEmailChannel,
  type EmailChannelOptions,
} from '../activities/announcements/email-channel.js';
import { emailMessage } from '../activities/announcements/email-message.js';
import {
  ANNOUNCEMENT_EVENTS,
  type Announcement,
  type DocumentAnnouncement,
} from '../workflows/contract.js';
import { freshId } from './support/provider-stage.js';

function announcementOf(fields: Partial<DocumentAnnouncement> = {}): DocumentAnnouncement {
  return {
    event: 'document.completed',
    documentId: freshId(),
    tag: 'order-7',
    occurredAt: '2026-01-01T00:00:00.000Z',
    status: 'finalised',
    signers: [{ id: freshId(), status: 'signed' }],
    archive: {
      archivedAt: '2026-01-01T00:00:01.000Z',
      providerHash: 'ab'.repeat(32),
      files: [{ name: 'document.pdf', bytes: 1_234, sha256: 'ab'.repeat(32) }],
    },
    ...fields,
  };
}

interface MailServer {
  readonly messages: string[];
  readonly tell: (a: Announcement, environment?: MockActivityEnvironment) => Promise<void>;
}

async function mailServer(
  t: TestContext,
  options: SMTPServerOptions = {},
  channelOptions: Partial<EmailChannelOptions> = {},
  userInfo = '',
  query = '',
): Promise<MailServer> {
  const messages: string[] = [];
  const server = new SMTPServer({
    authOptional: true,
    hideSTARTTLS: true,
    allowInsecureAuth: true,
    onData(stream, _session, done) {
      void stream.toArray().then((chunks: Buffer[]) => {
        messages.push(Buffer.concat(chunks).toString('utf8'));
        done();
      });
    },
    ...options,
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.server.address() as AddressInfo;
  const channel = createEmailChannel({
    smtpUrl: `smtp://${userInfo}127.0.0.1:${port}${query}`,
    from: 'Countersign <countersign@example.com>',
    to: 'ops@example.com, legal@example.com',
    ...channelOptions,
  });
  t.after(async () => {
    channel.close?.();
    await new Promise<void>((closed) => {
      server.close(closed);
    });
  });
  const announce = createAnnounce({ channels: [channel] });
  return {
    messages,
    tell: (announcement, environment = new MockActivityEnvironment()) =>
      environment.run(announce, { channel: 'email' as const, announcement }),
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
    assert.doesNotMatch(error.message, /@example\.com|secret/);
    return true;
  };
}

function headerOf(message: string, name: string): string | undefined {
  const head = message.slice(0, message.indexOf('\r\n\r\n')).replace(/\r\n[ \t]+/g, ' ');
  return new RegExp(`^${name}: (.*)$`, 'im').exec(head)?.[1]?.trim();
}

test('An e-mail tells the event, and its repetition has the same Message-ID', async (t) => {
  const { messages, tell } = await mailServer(t);
  const announcement = announcementOf();
  await tell(announcement);
  await tell(announcement);
  const [first = '', second = ''] = messages;
  const { documentId } = announcement;
  assert.equal(headerOf(first, 'Subject'), `Document completed: order-7 (${documentId})`);
  assert.equal(headerOf(first, 'Message-ID'), `<${documentId}.document.completed@example.com>`);
  assert.equal(headerOf(second, 'Message-ID'), headerOf(first, 'Message-ID'));
  assert.equal(headerOf(first, 'X-Idempotency-Key'), `${documentId}/document.completed`);
  assert.equal(headerOf(first, 'To'), 'ops@example.com, legal@example.com');
  assert.match(first, /text\/plain/);
  assert.match(first, /text\/html/);
});

test('Several e-mails at once go through the kept connections', async (t) => {
  const { messages, tell } = await mailServer(t);
  await Promise.all(Array.from({ length: 12 }, () => tell(announcementOf())));
  assert.equal(messages.length, 12);
});

test('Every event reads well as text, and other people’s words are escaped in HTML', () => {
  for (const event of ANNOUNCEMENT_EVENTS) {
    const { subject, text, html } = emailMessage(
      announcementOf({
        event,
        reason: '<script>alert("1")</script> & more',
        rejection: { signerId: 's-1', reason: "it's <b>wrong</b>" },
      }),
    );
    assert.match(subject, /^[A-Z][A-Za-z ]+: order-7 \(/);
    assert.match(text, /Status: finalised \(100\)/);
    assert.match(text, /document\.pdf: 1234 bytes, SHA-256 (ab){32}/);
    assert.doesNotMatch(text, /undefined|\[object/);
    assert.doesNotMatch(html, /<script|<b>|undefined/);
    assert.match(html, /&lt;script&gt;alert\(&quot;1&quot;\)&lt;\/script&gt; &amp; more/);
    assert.match(html, /it&#39;s &lt;b&gt;/);
  }
});

test('A subject cannot be used to add headers', async (t) => {
  const { messages, tell } = await mailServer(t);
  await tell(announcementOf({ tag: 'x\r\nBcc: eve@example.org' }));
  assert.equal(headerOf(messages[0] ?? '', 'Bcc'), undefined);
});

function refusing(responseCode: number): SMTPServerOptions {
  return {
    onRcptTo(address, _session, done) {
      done(Object.assign(new Error(`no ${address.address} here`), { responseCode }));
    },
  };
}

test('A recipient refused for good is refused for good; for now, later again', async (t) => {
  const permanent = await mailServer(t, refusing(550));
  await assert.rejects(
    permanent.tell(announcementOf()),
    isFailure({ type: 'RequestRefused', nonRetryable: true }),
  );
  const temporary = await mailServer(t, refusing(451));
  await assert.rejects(
    temporary.tell(announcementOf()),
    isFailure({ type: 'Unavailable', nonRetryable: false }),
  );
});

test('A message refused after its data follows the same rule', async (t) => {
  for (const [responseCode, failure] of [
    [554, { type: 'RequestRefused', nonRetryable: true }],
    [452, { type: 'Unavailable', nonRetryable: false }],
  ] as const) {
    const { tell } = await mailServer(t, {
      onData(stream, _session, done) {
        stream.resume().on('end', () => {
          done(Object.assign(new Error('no'), { responseCode }));
        });
      },
    });
    await assert.rejects(tell(announcementOf()), isFailure(failure));
  }
});

test('Of several recipients one refused is warned of, and the others get their message', async (t) => {
  const warnings: unknown[] = [];
  const { messages, tell } = await mailServer(
    t,
    {
      onRcptTo(address, _session, done) {
        if (address.address.startsWith('ops')) done();
        else done(Object.assign(new Error('no'), { responseCode: 550 }));
      },
    },
    { logger: { warn: (fields: unknown) => warnings.push(fields) } },
  );
  const announcement = announcementOf();
  await tell(announcement);
  assert.equal(messages.length, 1);
  const key = `${announcement.documentId}/document.completed`;
  assert.deepEqual(warnings, [{ recipients: 1, key }]);
});

test('Whom the mail server puts off is told later, and the others are not told again', async (t) => {
  const warnings: unknown[] = [];
  const told: string[] = [];
  let legal: number | undefined = 451;
  const { messages, tell } = await mailServer(
    t,
    {
      onRcptTo({ address }, _session, done) {
        const responseCode = address.startsWith('legal') ? legal : undefined;
        if (responseCode !== undefined) {
          done(Object.assign(new Error('no'), { responseCode }));
          return;
        }
        told.push(address);
        done();
      },
    },
    { logger: { warn: (fields: unknown) => warnings.push(fields) } },
  );
  const [greylisted, unknown] = [announcementOf(), announcementOf()];
  for (const announcement of [greylisted, greylisted, unknown]) {
    await assert.rejects(
      tell(announcement),
      isFailure({ type: 'Unavailable', nonRetryable: false }),
    );
  }
  assert.deepEqual(told, ['ops@example.com', 'ops@example.com']);
  legal = undefined;
  await tell(greylisted);
  assert.deepEqual(told.slice(2), ['legal@example.com']);
  assert.equal(headerOf(messages[2] ?? '', 'To'), 'ops@example.com, legal@example.com');
  assert.deepEqual(warnings, []);
  legal = 550;
  await tell(unknown);
  assert.deepEqual(warnings, [{ recipients: 1, key: `${unknown.documentId}/document.completed` }]);
  assert.equal(messages.length, 3);
});

test('Refused credentials are tried again slowly', async (t) => {
  const { tell } = await mailServer(
    t,
    {
      authOptional: false,
      onAuth(_auth, _session, done) {
        done(Object.assign(new Error('wrong'), { responseCode: 535 }));
      },
    },
    {},
    'user:secret@',
  );
  await assert.rejects(
    tell(announcementOf()),
    isFailure({ type: 'CredentialsRefused', nonRetryable: false, nextRetryDelay: 300_000 }),
  );
});

test('With requireTLS in its URL no password is sent where STARTTLS is not offered', async (t) => {
  const seen: unknown[] = [];
  const options: SMTPServerOptions = {
    onAuth({ password }, _session, done) {
      seen.push(password);
      done(null, { user: 'user' });
    },
  };
  const open = await mailServer(t, options, {}, 'user:secret@');
  await open.tell(announcementOf());
  assert.deepEqual(seen.splice(0), ['secret']);
  const strict = await mailServer(t, options, {}, 'user:secret@', '/?requireTLS=true');
  await assert.rejects(strict.tell(announcementOf()), isFailure({ type: 'Unavailable' }));
  assert.deepEqual(seen, []);
});

test('A mail server that is not there, or that is silent, is tried again', async (t) => {
  const absent = await mailServer(t, {}, { smtpUrl: 'smtp://127.0.0.1:1' });
  const silent = await mailServer(
    t,
    {
      onConnect: () => undefined,
    },
    { timeoutMs: 100 },
  );
  for (const { tell } of [absent, silent]) {
    await assert.rejects(
      tell(announcementOf()),
      isFailure({ type: 'Unavailable', nonRetryable: false }),
    );
  }
});

test('What was given up while a mail server was silent is not sent once it speaks again', async (t) => {
  let isSilent = true;
  const greetings: (() => void)[] = [];
  const { messages, tell } = await mailServer(t, {
    onConnect(_session, done) {
      if (isSilent) greetings.push(done);
      else done();
    },
  });
  const announcements = Array.from({ length: 12 }, () => announcementOf());
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    const environment = new MockActivityEnvironment();
    const telling = announcements.map((each) => assert.rejects(tell(each, environment)));
    await delay(50);
    environment.cancel();
    await Promise.all(telling);
  }
  isSilent = false;
  for (const greet of greetings) greet();
  await Promise.all(announcements.map((each) => tell(each)));
  assert.equal(messages.length, announcements.length);
});

test('A URL that is not of SMTP is refused without being repeated', () => {
  assert.throws(
    () => createEmailChannel({ smtpUrl: 'https://u:secret@x/', from: 'a@b.c', to: 'd@e.f' }),
    (error: Error) =>
      error.message.includes('NOTIFY_SMTP_URL') && !error.message.includes('secret'),
  );
});
