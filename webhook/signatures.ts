/** The cryptographic questions, each answered by yes or no. Pure. */
import {
  constants,
  createHash,
  createHmac,
  timingSafeEqual,
  verify,
  type KeyObject,
} from 'node:crypto';
import { promisify } from 'node:util';

/** On a thread of the pool: meanwhile the event loop reads other callbacks. */
const verifyAside = promisify(verify);

/** Whether any of the RSA keys made this PKCS#1 v1.5 signature over exactly these bytes. */
export async function verifyRsa(
  digest: 'sha1' | 'sha256',
  bytes: Buffer,
  signature: Buffer,
  publicKeys: readonly KeyObject[],
): Promise<boolean> {
  const padding = constants.RSA_PKCS1_PADDING;
  for (const key of publicKeys) {
    if (await verifyAside(digest, bytes, { key, padding }, signature)) return true;
  }
  return false;
}

const HMAC_BYTES = 32;

/** Whether any of the secrets made this HMAC-SHA256 over exactly these bytes. */
export function verifyHmac(bytes: Buffer, mac: Buffer, secrets: readonly string[]): boolean {
  // What cannot be one is not worth hashing 16 MB for.
  if (mac.length !== HMAC_BYTES) return false;
  return secrets.reduce((found, secret) => {
    const expected = createHmac('sha256', secret).update(bytes).digest();
    return timingSafeEqual(mac, expected) || found;
  }, false);
}

/** Whether the token is one of the configured ones; takes as long whichever it is. */
export function matchesToken(token: string, tokens: readonly string[]): boolean {
  const digest = sha256(token);
  return tokens.reduce((found, known) => timingSafeEqual(sha256(known), digest) || found, false);
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/**
 * RSA-4096 in base64 has 684 characters: room for larger keys and line breaks. More is not looked
 * at: it comes from strangers, and decoding 16 MB of it holds up everybody else.
 */
export const SIGNATURE_MAX_LENGTH = 4096;

/**
 * Canonical base64 to bytes; undefined for anything else. Line breaks are allowed, as some
 * encoders wrap; a space was a `+` that a form decoder took away.
 */
export function decodeBase64(text: string): Buffer | undefined {
  if (text.length > SIGNATURE_MAX_LENGTH) return undefined;
  const compact = text.replace(/[\r\n]+/g, '').replaceAll(' ', '+');
  const bytes = Buffer.from(compact, 'base64');
  return bytes.length > 0 && bytes.toString('base64') === compact ? bytes : undefined;
}

/** Hex of one letter case to bytes; undefined for anything else. */
export function decodeHex(text: string): Buffer | undefined {
  if (text.length > SIGNATURE_MAX_LENGTH) return undefined;
  if (!/^(?:[0-9a-f]{2})+$|^(?:[0-9A-F]{2})+$/.test(text)) return undefined;
  return Buffer.from(text, 'hex');
}

/** What a header may mean whose encoding the provider does not document. Empty: nothing. */
export function decodeEither(text: string): readonly Buffer[] {
  return [decodeHex(text), decodeBase64(text)].filter((bytes) => bytes !== undefined);
}
