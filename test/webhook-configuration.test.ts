import assert from 'node:assert/strict';
import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, test } from 'node:test';
import { createKeyPair } from '../sandbox/key-pair.js';
import { sha1Problem } from '../webhook/certificates.js';
import { ConfigurationError } from '../configuration/settings.js';
import { readConfiguration } from '../webhook/configuration.js';
import { formatDuration, parseDuration } from '../configuration/duration.js';
import { verifyRsa } from '../webhook/signatures.js';

const directory = mkdtempSync(join(tmpdir(), 'webhook-configuration-'));
after(() => {
  rmSync(directory, { recursive: true });
});

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

function spki(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'pem' }).toString();
}

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    readConfiguration(env);
  } catch (error) {
    assert.ok(error instanceof ConfigurationError);
    return error.problems;
  }
  return [];
}

const TOKEN = 'sixteen-letters.';
const OTHER_TOKEN = 'another-token-of-ours';

test('one token is enough, and everything else has a default', () => {
  assert.deepEqual(readConfiguration({ WEBHOOK_TOKENS: TOKEN }), {
    host: '127.0.0.1',
    port: 3000,
    trust: { publicKeys: [], hmacSecrets: [], tokens: [TOKEN] },
    maxAgeMs: 7 * 86_400_000,
    bodyLimitBytes: 16 * 1024 * 1024,
    bodyBudgetBytes: 256 * 1024 * 1024,
    keepAliveMs: 75_000,
    taskQueue: 'countersign',
    encryptionKeys: [],
    spool: { folder: resolve('.countersign', 'spool'), limitBytes: 256 * 1024 * 1024 },
    logLevel: 'info',
  });
});

test('everything can be set', () => {
  const configuration = readConfiguration({
    WEBHOOK_HOST: '::1',
    WEBHOOK_PORT: '0',
    WEBHOOK_TOKENS: `${TOKEN}, ${OTHER_TOKEN} ,`,
    WEBHOOK_TOKEN_REQUIRED: 'on',
    WEBHOOK_MAX_AGE: '36h',
    WEBHOOK_BODY_LIMIT: '512 KiB',
    WEBHOOK_BODY_BUDGET: '2GiB',
    WEBHOOK_KEEP_ALIVE: '620s',
    LEGALESIGN_HMAC_SECRETS: `${OTHER_TOKEN},${TOKEN}`,
    COUNTERSIGN_TASK_QUEUE: 'queue',
    COUNTERSIGN_DATA: '/data/of/ours',
    WEBHOOK_SPOOL: 'on',
    WEBHOOK_SPOOL_LIMIT: '1GiB',
    LOG_LEVEL: 'debug',
  });
  assert.deepEqual(configuration, {
    host: '::1',
    port: 0,
    trust: {
      publicKeys: [],
      hmacSecrets: [OTHER_TOKEN, TOKEN],
      tokens: [TOKEN, OTHER_TOKEN],
      requiresToken: true,
    },
    maxAgeMs: 36 * 3_600_000,
    bodyLimitBytes: 512 * 1024,
    bodyBudgetBytes: 2 * 1024 ** 3,
    keepAliveMs: 620_000,
    taskQueue: 'queue',
    encryptionKeys: [],
    spool: { folder: '/data/of/ours/spool', limitBytes: 1024 ** 3 },
    logLevel: 'debug',
  });
});

test('the spool can be switched off', () => {
  const { spool } = readConfiguration({ WEBHOOK_TOKENS: TOKEN, WEBHOOK_SPOOL: 'off' });
  assert.equal(spool, undefined);
});

test('empty variables count as not set', () => {
  const configuration = readConfiguration({
    WEBHOOK_TOKENS: TOKEN,
    WEBHOOK_PORT: ' ',
    LOG_LEVEL: '',
  });
  assert.equal(configuration.port, 3000);
});

test('keys come from several files, of certificates and of bare keys, in one file or more', async () => {
  const [first, second] = [await createKeyPair(), await createKeyPair()];
  const both = file('both.pem', `# rotation\n${first.certificatePem}\n${second.certificatePem}`);
  const bare = file('bare.pem', spki(rsa.publicKey));
  const { trust } = readConfiguration({ LEGALESIGN_CERTIFICATES: `${both}, ${bare}` });
  assert.equal(trust.publicKeys.length, 3);
  const data = Buffer.from('data');
  for (const { privateKey } of [first, second, rsa]) {
    assert.ok(await verifyRsa('sha1', data, sign('sha1', data, privateKey), trust.publicKeys));
  }
});

const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey;
const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
const privatePem = rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const badFiles: [name: string, path: string, problem: RegExp][] = [
  ['that is not there', join(directory, 'absent.pem'), /absent\.pem cannot be read$/],
  ['that is a directory', directory, /cannot be read$/],
  ['without PEM', file('text.pem', 'hello'), /holds no PEM/],
  ['with a broken certificate', file('broken.pem', brokenCertificate()), /cannot be read$/],
  ['with a key of 1024 bits', file('weak.pem', spki(weak)), /2048 bits/],
  ['with an elliptic curve', file('curve.pem', spki(curve)), /not RSA/],
  ['with a private key', file('private.pem', privatePem), /private key/],
];
function brokenCertificate(): string {
  return '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
}
for (const [name, path, problem] of badFiles) {
  test(`a certificate file ${name} is one problem`, () => {
    const problems = problemsOf({ LEGALESIGN_CERTIFICATES: path });
    assert.equal(problems.length, 1);
    assert.match(problems[0] ?? '', problem);
  });
}

test('a private key’s content never shows in a problem', () => {
  const path = file('secret.pem', privatePem);
  assert.ok(
    !problemsOf({ LEGALESIGN_CERTIFICATES: path }).join('').includes(privatePem.slice(40, 80)),
  );
});

const badValues: [name: string, value: string][] = [
  ['WEBHOOK_PORT', '65536'],
  ['WEBHOOK_PORT', '-1'],
  ['WEBHOOK_PORT', '80.5'],
  ['WEBHOOK_PORT', 'http'],
  ['WEBHOOK_MAX_AGE', '7'],
  ['WEBHOOK_MAX_AGE', '0d'],
  ['WEBHOOK_MAX_AGE', 'a week'],
  ['WEBHOOK_MAX_AGE', '-7d'],
  ['WEBHOOK_BODY_LIMIT', '0'],
  ['WEBHOOK_BODY_LIMIT', 'big'],
  ['WEBHOOK_BODY_LIMIT', '1GiB'],
  ['WEBHOOK_BODY_LIMIT', '300MiB'],
  ['LOG_LEVEL', 'loud'],
  ['WEBHOOK_BODY_BUDGET', '15MiB'],
  ['WEBHOOK_BODY_BUDGET', 'big'],
  ['WEBHOOK_BODY_BUDGET', '100GiB'],
  ['WEBHOOK_SPOOL', 'yes'],
  ['WEBHOOK_SPOOL_LIMIT', '0'],
  ['WEBHOOK_SPOOL_LIMIT', '100GiB'],
  ['WEBHOOK_TOKENS', 'a-token-of-many/letters'],
  ['WEBHOOK_TOKEN_REQUIRED', 'yes'],
  ['WEBHOOK_TOKENS', `${TOKEN},fifteen-letters`],
  ['LEGALESIGN_HMAC_SECRETS', `${TOKEN},fifteen-letters`],
  ['LEGALESIGN_HMAC_SECRETS', brokenCertificate()],
];
for (const [name, value] of badValues) {
  test(`${name} as ${JSON.stringify(value).slice(0, 30)} is one problem, which names it`, () => {
    const problems = problemsOf({ WEBHOOK_TOKENS: TOKEN, [name]: value });
    assert.equal(problems.length, 1);
    assert.ok(problems[0]?.startsWith(name));
  });
}

for (const env of [{}, { WEBHOOK_TOKENS: ' , ' }, { LEGALESIGN_CERTIFICATES: '' }]) {
  test(`nothing to verify with, as in ${JSON.stringify(env)}, is a problem`, () => {
    assert.match(problemsOf(env).join(), /nothing to verify callbacks with/);
  });
}

test('a token that is required, of which there is none, is a problem', () => {
  const environment = { LEGALESIGN_HMAC_SECRETS: TOKEN, WEBHOOK_TOKEN_REQUIRED: 'on' };
  assert.match(problemsOf(environment).join(), /WEBHOOK_TOKENS names none/);
});

test('all problems are told at once', () => {
  const problems = problemsOf({ WEBHOOK_PORT: 'x', WEBHOOK_MAX_AGE: 'x', LOG_LEVEL: 'x' });
  assert.equal(problems.length, 4);
});

test('a system that forbids SHA-1 is told apart from a signature that is wrong', () => {
  assert.equal(sha1Problem(rsa.publicKey), undefined);
  const forbidden = (): boolean => {
    throw new Error('error:03000098:digital envelope routines::invalid digest');
  };
  assert.match(sha1Problem(rsa.publicKey, forbidden) ?? '', /SHA-1/);
});

test('durations are read and written', () => {
  for (const text of ['7d', '36h', '15m', '30s', '1500ms']) {
    assert.equal(formatDuration(parseDuration(text) ?? 0), text);
  }
  assert.equal(formatDuration(parseDuration('168h') ?? 0), '7d');
  for (const text of ['', '7', 'd', '7D', '1.5h', '-1s', '7d ago', '0s']) {
    assert.equal(parseDuration(text), undefined);
  }
});
