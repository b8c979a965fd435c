import { createHash, timingSafeEqual } from 'node:crypto';

/**
 * Whether an `Authorization` header carries one of the tokens: as `Bearer`, or as the password of
 * `Basic`, which is what a browser can be made to remember. Takes as long for any token.
 */
export function isAuthorised(header: string, tokens: readonly string[]): boolean {
  const given = digest(tokenIn(header));
  let isKnown = false;
  for (const token of tokens) {
    // All are compared, and none is cut short.
    if (timingSafeEqual(given, digest(token))) isKnown = true;
  }
  return isKnown;
}

function tokenIn(header: string): string {
  const [, scheme = '', credentials = ''] = /^(\w+) +(\S+)$/.exec(header) ?? [];
  switch (scheme.toLowerCase()) {
    case 'bearer':
      return credentials;
    case 'basic':
      return Buffer.from(credentials, 'base64')
        .toString('utf8')
        .replace(/^[^:]*:/, '');
    default:
      return '';
  }
}

/** Of one length, whatever the text's. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
