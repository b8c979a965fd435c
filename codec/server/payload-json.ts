import type { Payload } from '@temporalio/common';
import { z } from 'zod';

const base64 = z.string().regex(/^[A-Za-z0-9+/_-]*={0,2}$/, 'not base64');

/** A whole history has 51,200 events at the most. */
const PAYLOADS_MAX = 100_000;

/** A payload has three entries or four. */
const METADATA_MAX = 100;

/** Their elements come after: one shape for all would tell of every wrong one, however many. */
const listShape = z.object({ payloads: z.array(z.unknown()).max(PAYLOADS_MAX) });

/** A payload in protobuf's JSON form, as the Temporal UI and command line send it. */
const payloadShape = z.object({
  metadata: z
    .record(z.string(), z.unknown())
    .refine((entries) => Object.keys(entries).length <= METADATA_MAX, {
      error: `more than ${METADATA_MAX} entries`,
    })
    .pipe(z.record(z.string(), base64))
    .nullish(),
  data: base64.nullish(),
});

/** The payloads in a request's body. @throws Error in one line, naming the place */
export function parsePayloads(text: string): Payload[] {
  const { payloads } = parsed(listShape, parseJson(text), []);
  return payloads.map((payload, index) => {
    const { metadata, data } = parsed(payloadShape, payload, ['payloads', index]);
    return {
      metadata: Object.fromEntries(
        Object.entries(metadata ?? {}).map(([name, value]) => [name, Buffer.from(value, 'base64')]),
      ),
      data: Buffer.from(data ?? '', 'base64'),
    };
  });
}

function parsed<Shape extends z.ZodType>(
  shape: Shape,
  value: unknown,
  place: readonly PropertyKey[],
): z.infer<Shape> {
  const result = shape.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = [...place, ...(issue?.path ?? [])].join('.');
  throw new Error(`not {"payloads":[…]}: ${where}: ${issue?.message}`);
}

/** The answer's body. */
export function showPayloads(payloads: readonly Payload[]): unknown {
  return {
    payloads: payloads.map(({ metadata, data }) => ({
      metadata: Object.fromEntries(
        Object.entries(metadata ?? {}).map(([name, value]) => [name, toBase64(value)]),
      ),
      data: toBase64(data ?? new Uint8Array()),
    })),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error('the body is not JSON');
  }
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
