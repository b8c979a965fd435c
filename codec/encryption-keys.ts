/** The keys of payload encryption, as every process reads them. */
import { readFileSync } from 'node:fs';
import type { Settings } from '../configuration/settings.js';

/** One key. The ID stands beside every payload it encrypts, in the clear. */
export interface EncryptionKey {
  readonly id: string;
  /** 32 bytes. */
  readonly secret: Uint8Array;
}

/** The first encrypts, all decrypt; without any, payloads are written as they are. */
export type EncryptionKeys = readonly EncryptionKey[];

const KEYS = 'COUNTERSIGN_ENCRYPTION_KEYS';
const KEYS_FILE = 'COUNTERSIGN_ENCRYPTION_KEYS_FILE';

const KEY_BYTES = 32;

/** Of an ID: what needs no escaping in an environment, a file or a log. */
const ID_PATTERN = /^[\w.-]{1,64}$/;

/** 32 bytes in base64, URL-safe or not. */
const SECRET_PATTERN = /^[A-Za-z0-9+/_-]{43}=?$/;

/** Reads the keys from the environment or a file; notes every problem, and never a key. */
export function readEncryptionKeys(settings: Settings): EncryptionKeys {
  const path = settings.text(KEYS_FILE);
  if (path === undefined) {
    const entries = settings.list(KEYS);
    // Commas alone, where variables were to stand, must not switch encryption off.
    if (entries.length === 0 && settings.text(KEYS) !== undefined) {
      settings.problem(`${KEYS} holds no key`);
    }
    return parseKeys(entries, KEYS, settings);
  }
  if (settings.text(KEYS) !== undefined) {
    settings.problem(`both ${KEYS} and ${KEYS_FILE} are set: keep one`);
    return [];
  }
  const entries = readKeysFile(path, settings);
  // A file that was emptied must not switch encryption off.
  if (entries?.length === 0) settings.problem(`${KEYS_FILE}: ${path} holds no key`);
  return parseKeys(entries ?? [], KEYS_FILE, settings);
}

function readKeysFile(path: string, settings: Settings): readonly string[] | undefined {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .flatMap((line) => line.replace(/(^|\s)#.*$/, '').split(','))
      .map((entry) => entry.trim())
      .filter((entry) => entry !== '');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    settings.problem(`${KEYS_FILE}: ${path} cannot be read (${code})`);
    return undefined;
  }
}

function parseKeys(entries: readonly string[], name: string, settings: Settings): EncryptionKeys {
  const keys: EncryptionKey[] = [];
  for (const [index, entry] of entries.entries()) {
    const key = parseKey(entry);
    if (key === undefined) {
      settings.problem(
        `${name}: key ${index + 1} is not of the form <id>:<base64 of ${KEY_BYTES} bytes>; ` +
          'for example k1:$(openssl rand -base64 32)',
      );
    } else if (keys.some(({ id }) => id === key.id)) {
      settings.problem(`${name}: the key ID ${key.id} stands there twice`);
    } else keys.push(key);
  }
  return keys;
}

function parseKey(entry: string): EncryptionKey | undefined {
  const [id = '', text = '', ...rest] = entry.split(':');
  if (!ID_PATTERN.test(id) || !SECRET_PATTERN.test(text) || rest.length > 0) return undefined;
  const secret = Buffer.from(text, 'base64');
  return secret.length === KEY_BYTES ? { id, secret } : undefined;
}
