import axios from 'axios';
import { z } from 'zod';
import { UnreachableError } from './failures.js';
import { namedFile } from './named-file.js';

/** A captured request: headers and the very bytes of its body (docs/operating.md). */
const capturedShape = z
  .object({
    headers: z.record(z.string(), z.string()),
    body: z.string().optional(),
    bodyBase64: z.base64().optional(),
  })
  .refine(({ body, bodyBase64 }) => (body === undefined) !== (bodyBase64 === undefined), {
    message: 'either body or bodyBase64',
  });

/** The connection's own business, and wrong for another one. */
const NOT_SENT = new Set(['host', 'connection', 'content-length', 'transfer-encoding']);

/** The webhook answers within 30 s, the longest that it gives a request. */
const LIMIT_MS = 60_000;

/** The webhook's own answers are lines; at the address there may be anything. */
const ANSWER_MAX_BYTES = 65_536;

/**
 * POSTs a captured request as it is.
 * @throws UsageError where the file cannot be read; UnreachableError where nobody answers in time;
 *   Error where the file is no captured request, or cannot be sent
 */
export async function postCaptured(
  path: string,
  url: string,
  signal: AbortSignal,
  limitMs = LIMIT_MS,
): Promise<{ status: number; body: string }> {
  const captured = capturedShape.safeParse(jsonOf(await namedFile(path)));
  if (!captured.success) {
    throw new Error(
      `${path} is no captured callback: {"headers": {…}, "body": "…"}, or bodyBase64`,
    );
  }
  const { headers, body, bodyBase64 } = captured.data;
  const kept = Object.entries(headers).filter(([name]) => !NOT_SENT.has(name.toLowerCase()));
  const timeout = AbortSignal.timeout(limitMs);
  try {
    const answer = await axios.post<string>(
      url,
      Buffer.from(body ?? bodyBase64 ?? '', body === undefined ? 'base64' : 'utf8'),
      {
        headers: Object.fromEntries(kept),
        signal: AbortSignal.any([signal, timeout]),
        maxRedirects: 0,
        maxContentLength: ANSWER_MAX_BYTES,
        responseType: 'text',
        validateStatus: null,
      },
    );
    return { status: answer.status, body: answer.data };
  } catch (error) {
    signal.throwIfAborted();
    const { code = '', message } = error as NodeJS.ErrnoException;
    if (code.startsWith('ERR_INVALID')) {
      throw new Error(`${path} cannot be sent: ${message}`, { cause: error });
    }
    const where = new URL(url).host;
    if (message.includes('maxContentLength')) {
      throw new Error(`what answers at ${where} is no webhook: it sends too much`, {
        cause: error,
      });
    }
    const why = timeout.aborted ? `nothing within ${limitMs / 1000} s` : message;
    throw new UnreachableError(`no webhook answers at ${where} (${why}): is --to its address?`, {
      cause: error,
    });
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // What is no JSON is refused like JSON of another shape.
    return undefined;
  }
}
