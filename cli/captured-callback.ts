import { readFile } from 'node:fs/promises';
import axios from 'axios';
import { z } from 'zod';

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

/**
 * POSTs a captured request as it is.
 * @throws Error where the file is no captured request, or nobody answers
 */
export async function postCaptured(
  path: string,
  url: string,
  signal: AbortSignal,
): Promise<{ status: number; body: string }> {
  const captured = capturedShape.safeParse(jsonOf(await readFile(path, 'utf8')));
  if (!captured.success) {
    throw new Error(
      `${path} is no captured callback: {"headers": {…}, "body": "…"}, or bodyBase64`,
    );
  }
  const { headers, body, bodyBase64 } = captured.data;
  const kept = Object.entries(headers).filter(([name]) => !NOT_SENT.has(name.toLowerCase()));
  const answer = await axios.post<string>(
    url,
    Buffer.from(body ?? bodyBase64 ?? '', body === undefined ? 'base64' : 'utf8'),
    {
      headers: Object.fromEntries(kept),
      signal,
      maxRedirects: 0,
      responseType: 'text',
      validateStatus: null,
    },
  );
  return { status: answer.status, body: answer.data };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // What is no JSON is refused like JSON of another shape.
    return undefined;
  }
}
