import type { IncomingMessage } from 'node:http';
import getRawBody from 'raw-body';
import type { z } from 'zod';
import { badRequest } from './refusal.js';

/** Room for a template that is sent along as text. */
const LIMIT = '20mb';

/**
 * The request's body as JSON; undefined where it is empty.
 * @throws SyntaxError where it is not JSON
 */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const text = await getRawBody(request, { limit: LIMIT, encoding: 'utf8' });
  return text.trim() === '' ? undefined : (JSON.parse(text) as unknown);
}

/**
 * What the schema makes of the input.
 * @throws Refusal 400 with a sentence that names every problem
 */
export function accepted<T extends z.ZodType>(schema: T, input: unknown): z.output<T> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.join('.')}: ${message}`,
  );
  throw badRequest(`${problems.join('. ').replace(/\.+$/, '')}.`);
}
