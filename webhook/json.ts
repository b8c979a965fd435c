import { MalformedError } from './errors.js';

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** Verified bytes as JSON. MalformedError where they are not UTF-8 or not JSON. */
export function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(decodeUtf8(bytes));
  } catch (error) {
    if (error instanceof MalformedError) throw error;
    throw new MalformedError('jsonMalformed', 'the content is not JSON');
  }
}

/** Bytes as text. MalformedError where they are not UTF-8. */
export function decodeUtf8(bytes: Buffer): string {
  try {
    return UTF8.decode(bytes);
  } catch {
    throw new MalformedError('fieldMalformed', 'the content is not UTF-8');
  }
}
