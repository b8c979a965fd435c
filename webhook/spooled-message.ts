/** A message as it waits in a file, and back. */
import { z } from 'zod';
import type { InboxMessage } from './callback-inbox.js';

/**
 * What the inbox reaches for; the rest is what one of our own processes has written, maybe an older
 * one, and goes on as it is.
 */
const document = z.looseObject({ documentId: z.string() });
const messages = z.discriminatedUnion('kind', [
  z.looseObject({
    kind: z.literal('delivery'),
    digest: z.string(),
    input: z.looseObject({
      source: z.string(),
      receivedAt: z.string(),
      changes: z.array(z.looseObject({})),
      setAside: z.array(z.looseObject({})),
    }),
  }),
  z.looseObject({
    kind: z.literal('report'),
    document,
    report: z.looseObject({ source: z.string(), changes: z.array(z.looseObject({})) }),
  }),
  z.looseObject({ kind: z.literal('notice'), document }),
  z.looseObject({ kind: z.literal('hint'), documentId: z.string(), receivedAt: z.string() }),
]);

/** JSON, in UTF-8. */
export function encodeMessage(message: InboxMessage): Buffer {
  return Buffer.from(JSON.stringify(message));
}

/** @throws TypeError where it is no message that this version knows */
export function decodeMessage(payload: Buffer): InboxMessage {
  try {
    return messages.parse(JSON.parse(payload.toString())) as unknown as InboxMessage;
  } catch (error) {
    throw new TypeError('no message that this version knows', { cause: error });
  }
}
