import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { createDataConverter } from '../codec/data-converter.js';
import { createEncryptionCodec, DecryptionError } from '../codec/encryption-codec.js';
import { readEncryptionKeys, type EncryptionKeys } from '../codec/encryption-keys.js';
import { readConfiguration as readClientConfiguration } from '../client/configuration.js';
import type { ConfigurationError } from '../configuration/settings.js';
import { Settings } from '../configuration/settings.js';
import { readConfiguration as readWebhookConfiguration } from '../webhook/configuration.js';
import { PAYLOAD_MAX_BYTES } from '../webhook/payload-size.js';
import { readConfiguration as readWorkerConfiguration } from '../worker/configuration.js';

const K1 = randomBytes(32).toString('base64');
const K2 = randomBytes(32).toString('base64');

function keysOf(text: string): EncryptionKeys {
  const settings = new Settings({ COUNTERSIGN_ENCRYPTION_KEYS: text });
  const keys = readEncryptionKeys(settings);
  settings.check();
  return keys;
}

function problemsOf(environment: Record<string, string>): readonly string[] {
  const settings = new Settings(environment);
  readEncryptionKeys(settings);
  try {
    settings.check();
    return [];
  } catch (error) {
    return (error as ConfigurationError).problems;
  }
}

const original = defaultPayloadConverter.toPayload({ reason: 'the rent is too high' });

async function encrypted(text: string): Promise<Payload> {
  const [payload] = await createEncryptionCodec(keysOf(text)).encode([original]);
  return payload ?? assert.fail();
}

async function decrypted(text: string, payload: Payload): Promise<unknown> {
  const [decoded] = await createEncryptionCodec(keysOf(text)).decode([payload]);
  return defaultPayloadConverter.fromPayload(decoded ?? assert.fail());
}

test('a payload encrypted under the first key shows its key ID and nothing of itself', async () => {
  const payload = await encrypted(`k2:${K2},k1:${K1}`);
  const { data } = payload;
  const metadata = payload.metadata ?? {};
  assert.deepEqual(Object.keys(metadata).sort(), ['encoding', 'encryption-key-id']);
  assert.equal(Buffer.from(metadata['encryption-key-id'] ?? []).toString(), 'k2');
  assert.doesNotMatch(Buffer.from(data ?? []).toString('latin1'), /reason|rent|json/);
  assert.deepEqual(await decrypted(`k2:${K2}`, payload), { reason: 'the rent is too high' });
});

test('the same payload never encrypts to the same bytes', async () => {
  const [one, other] = [await encrypted(`k1:${K1}`), await encrypted(`k1:${K1}`)];
  assert.notDeepEqual(one.data, other.data);
});

test('after a rotation what the old key encrypted stays readable', async () => {
  const old = await encrypted(`k1:${K1}`);
  assert.deepEqual(await decrypted(`k2:${K2},k1:${K1}`, old), { reason: 'the rent is too high' });
});

test('a payload from before encryption passes as it is', async () => {
  assert.deepEqual(await decrypted(`k1:${K1}`, original), { reason: 'the rent is too high' });
  assert.deepEqual(await decrypted('', original), { reason: 'the rent is too high' });
});

test('an unknown key is named with what to do, and no key is shown', async () => {
  const payload = await encrypted(`k1:${K1}`);
  for (const [keys, has] of [
    [`k2:${K2}`, 'only k2'],
    ['', 'no key at all'],
  ] as const) {
    await assert.rejects(decrypted(keys, payload), (error: Error) => {
      assert.ok(error instanceof DecryptionError);
      assert.match(error.message, new RegExp(`under the key k1, and this process has ${has}`));
      assert.match(error.message, /add that key to COUNTERSIGN_ENCRYPTION_KEYS/);
      assert.ok(!error.message.includes(K2.slice(0, 8)));
      return true;
    });
  }
});

test('what was altered, cut, or claims another key ID does not decrypt', async () => {
  const payload = await encrypted(`k1:${K1}`);
  const data = Buffer.from(payload.data ?? []);
  const flipped = Buffer.from(data);
  flipped[20] = (flipped[20] ?? 0) ^ 1;
  const renamed = { ...payload.metadata, 'encryption-key-id': Buffer.from('k2') };
  for (const bent of [
    { ...payload, data: flipped },
    { ...payload, data: data.subarray(0, -1) },
    { ...payload, data: data.subarray(0, 5) },
    { metadata: payload.metadata, data: null },
    // The same secret under another name: the ID is bound too.
    { ...payload, metadata: renamed },
  ]) {
    await assert.rejects(decrypted(`k1:${K1},k2:${K1}`, bent as Payload), /does not decrypt/);
  }
});

test('read as null is what does not decrypt, and nothing beside it', async () => {
  const payloads = [await encrypted(`k1:${K1}`), await encrypted(`k2:${K2}`), original];
  // The second stands for a lost one, under whose ID there is another.
  for (const keys of [`k2:${K2}`, `k2:${K2},k1:${K2}`]) {
    const { payloadCodecs = [] } = createDataConverter(keysOf(keys), 'null');
    const decoded = (await payloadCodecs[0]?.decode(payloads)) ?? [];
    const read = decoded.map((each): unknown => defaultPayloadConverter.fromPayload(each));
    assert.deepEqual(read, [null, ...Array<unknown>(2).fill({ reason: 'the rent is too high' })]);
  }
});

test('every process reads the keys, and tells all problems at once without a key', () => {
  const environment = {
    COUNTERSIGN_ENCRYPTION_KEYS: `k1:${K1},k1:${K2},nokey,k3:${K1.slice(4)},k 4:${K1}`,
    LEGALESIGN_API_KEY: 'test:key',
    WEBHOOK_TOKENS: 'a-token-of-sufficient-length',
  };
  for (const read of [readWorkerConfiguration, readWebhookConfiguration, readClientConfiguration]) {
    assert.throws(
      () => read(environment),
      (error: ConfigurationError) => {
        assert.equal(error.problems.length, 4);
        assert.match(error.problems[0] ?? '', /the key ID k1 stands there twice/);
        assert.match(error.problems[1] ?? '', /key 3 is not of the form <id>:<base64 of 32 bytes>/);
        assert.ok(!error.message.includes(K1.slice(4, 12)) && !error.message.includes(K2));
        return true;
      },
    );
  }
});

test('keys are read from a file with comments; an empty or missing one is a problem', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-keys-'));
  try {
    const path = join(folder, 'keys');
    await writeFile(path, `# since March\nk2:${K2} # current\n\nk1:${K1}\n`);
    const settings = new Settings({ COUNTERSIGN_ENCRYPTION_KEYS_FILE: path });
    assert.deepEqual(
      readEncryptionKeys(settings).map(({ id }) => id),
      ['k2', 'k1'],
    );
    settings.check();
    await writeFile(path, '# nothing\n');
    assert.match(problemsOf({ COUNTERSIGN_ENCRYPTION_KEYS: ' , ' })[0] ?? '', /holds no key/);
    assert.match(problemsOf({ COUNTERSIGN_ENCRYPTION_KEYS_FILE: path })[0] ?? '', /holds no key/);
    const missing = problemsOf({ COUNTERSIGN_ENCRYPTION_KEYS_FILE: join(folder, 'none') });
    assert.deepEqual(missing.length, 1);
    assert.match(missing[0] ?? '', /cannot be read \(ENOENT\)/);
    const both = { COUNTERSIGN_ENCRYPTION_KEYS_FILE: path, COUNTERSIGN_ENCRYPTION_KEYS: `a:${K1}` };
    assert.match(problemsOf(both)[0] ?? '', /keep one/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('the largest payload that the webhook writes stays within 2 MB when encrypted', async () => {
  const text = 'x'.repeat(PAYLOAD_MAX_BYTES + 100_000);
  const payload = defaultPayloadConverter.toPayload(text);
  const [sealed] = await createEncryptionCodec(keysOf(`k1:${K1}`)).encode([payload]);
  const grownBytes = (sealed?.data?.length ?? Infinity) - (payload.data?.length ?? 0);
  assert.ok(grownBytes < 100, `${grownBytes} bytes`);
  assert.ok((sealed?.data?.length ?? Infinity) < 2 * 1024 ** 2);
});
