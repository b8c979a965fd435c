/** Makes a forgery of a genuine callback: one thing is bent that its signature vouches for. */
import type { SignedRequest } from './callback-signing.js';

const SIGNATURE_HEADERS = ['X-Signed', 'X-Signed-Sha256', 'X-Hmac-Sha256'];

function isSigned({ headers, body }: SignedRequest): boolean {
  return SIGNATURE_HEADERS.some((name) => name in headers) || body.includes('&signed=');
}

/** Another hexadecimal digit or letter: never the same, never one that needs escaping. */
function bent(character: string): string {
  return character === '0' || character === 'A' ? '1' : character <= '9' ? '0' : 'A';
}

function bendAt(text: string, index: number): string {
  return text.slice(0, index) + bent(text.charAt(index)) + text.slice(index + 1);
}

/** Another document: only what stands in the signed part is bent, the rest nobody vouches for. */
function bendBody(text: string): string {
  const from = Math.max(text.indexOf('json_signed='), 0);
  const id = text.slice(from).search(/[0-9a-f]{8}-[0-9a-f]{4}-/);
  // Without an ID: the second byte of the signed part, inside the JSON.
  return bendAt(text, id < 0 ? from + 1 : from + id);
}

/** Bends a signature near its beginning, where base64 and hex always carry whole bits. */
function bendSignature(request: SignedRequest): SignedRequest {
  const name = SIGNATURE_HEADERS.find((header) => header in request.headers);
  if (name) {
    const headers = { ...request.headers, [name]: bendAt(request.headers[name] ?? '', 0) };
    return { headers, body: request.body };
  }
  const text = request.body.toString();
  const start = text.indexOf('&signed=') + '&signed='.length;
  const letter = start + text.slice(start).search(/[0-9A-Za-z]/);
  return { headers: request.headers, body: Buffer.from(bendAt(text, letter)) };
}

/**
 * A forged copy; undefined for a callback without any signature, of which there is none.
 * @param bend what to bend: what is said, or the signature under it
 */
export function forgedCopy(
  request: SignedRequest,
  bend: 'content' | 'signature',
): SignedRequest | undefined {
  if (!isSigned(request)) return undefined;
  if (bend === 'signature') return bendSignature(request);
  return { headers: request.headers, body: Buffer.from(bendBody(request.body.toString())) };
}
