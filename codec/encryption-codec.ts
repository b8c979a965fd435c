import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Payload, PayloadCodec } from '@temporalio/common';
import proto from '@temporalio/proto';
import type { EncryptionKey, EncryptionKeys } from './encryption-keys.js';

const { Payload: PayloadMessage } = proto.temporal.api.common.v1;

/** Marks an encrypted payload in its metadata, as Temporal's own examples do. */
const ENCODING = 'binary/encrypted';
const KEY_ID = 'encryption-key-id';

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** A payload that cannot be decrypted here; the message says why and what to do, never a key. */
export class DecryptionError extends Error {
  override readonly name = 'DecryptionError';
}

/**
 * Encrypts whole payloads (AES-256-GCM, a random nonce each), their own metadata included, and
 * decrypts what any of the keys encrypted. Payloads that are not encrypted pass as they are: those
 * from before encryption was switched on, and without a key all.
 * @throws DecryptionError from `decode`
 */
export function createEncryptionCodec(keys: EncryptionKeys): PayloadCodec {
  const byId = new Map(keys.map((key) => [key.id, key]));
  const [current] = keys;
  return {
    // Asynchronous by its type: what is thrown becomes a rejection.
    encode: async (payloads) =>
      Promise.resolve(current ? payloads.map((each) => encrypt(each, current)) : payloads),
    decode: async (payloads) => Promise.resolve(payloads.map((each) => decrypt(each, byId))),
  };
}

function isEncrypted({ metadata }: Payload): boolean {
  return textOf(metadata?.['encoding']) === ENCODING;
}

function encrypt(payload: Payload, { id, secret }: EncryptionKey): Payload {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, secret, nonce).setAAD(boundTo(id));
  const sealed = cipher.update(PayloadMessage.encode(payload).finish());
  const data = Buffer.concat([nonce, sealed, cipher.final(), cipher.getAuthTag()]);
  return { metadata: { encoding: Buffer.from(ENCODING), [KEY_ID]: Buffer.from(id) }, data };
}

function decrypt(payload: Payload, keys: ReadonlyMap<string, EncryptionKey>): Payload {
  if (!isEncrypted(payload)) return payload;
  const id = textOf(payload.metadata?.[KEY_ID]);
  const key = keys.get(id);
  if (key === undefined) throw new DecryptionError(unknownKey(id, [...keys.keys()]));
  const { metadata, data } = PayloadMessage.decode(open(payload.data ?? new Uint8Array(), key));
  return { metadata, data };
}

function open(data: Uint8Array, { id, secret }: EncryptionKey): Uint8Array {
  try {
    const nonce = data.subarray(0, NONCE_BYTES);
    const tag = data.subarray(-TAG_BYTES);
    const options = { authTagLength: TAG_BYTES };
    const decipher = createDecipheriv(CIPHER, secret, nonce, options).setAAD(boundTo(id));
    decipher.setAuthTag(tag);
    const opened = decipher.update(data.subarray(NONCE_BYTES, -TAG_BYTES));
    return Buffer.concat([opened, decipher.final()]);
  } catch (error) {
    throw new DecryptionError(
      `a payload encrypted under the key ${id} does not decrypt: it was altered, or the key of ` +
        'that ID in COUNTERSIGN_ENCRYPTION_KEYS is not the one that encrypted it',
      { cause: error },
    );
  }
}

/**
 * What the ciphertext is bound to besides its key: this format and the key's ID. Not to its place
 * (workflow, namespace): a codec server is shown payloads without it.
 */
function boundTo(keyId: string): Uint8Array {
  return Buffer.from(`countersign/1 ${keyId}`);
}

function unknownKey(id: string, known: readonly string[]): string {
  const has = known.length === 0 ? 'no key at all' : `only ${known.join(', ')}`;
  return (
    `a payload is encrypted under the key ${id || '(without an ID)'}, and this process has ${has}: ` +
    'add that key to COUNTERSIGN_ENCRYPTION_KEYS (behind the first) and start again'
  );
}

/** For messages too: an ID from outside is cut to what one may be. */
function textOf(bytes: Uint8Array | null | undefined): string {
  return bytes
    ? Buffer.from(bytes)
        .toString('utf8', 0, 64)
        .replace(/[^\w./-]/g, '?')
    : '';
}
