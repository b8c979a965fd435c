import { fileURLToPath } from 'node:url';
import type { DataConverter, LoadedDataConverter, Payload } from '@temporalio/common';
import { createEncryptionCodec, type SealedReading } from './encryption-codec.js';
import type { EncryptionKeys } from './encryption-keys.js';

/**
 * For workers, clients and workflow bundles where there are keys. Reading needs none: the default
 * converter understands encoded failures as well.
 */
export function failureConverterPath(keys: EncryptionKeys): string | undefined {
  if (keys.length === 0) return undefined;
  const extension = import.meta.url.endsWith('.js') ? 'js' : 'ts';
  return fileURLToPath(new URL(`./failure-converter.${extension}`, import.meta.url));
}

/** What every client and worker is made with: it encrypts where there are keys. */
export function createDataConverter(
  keys: EncryptionKeys = [],
  sealed: SealedReading = 'refused',
): DataConverter {
  const path = failureConverterPath(keys);
  return {
    payloadCodecs: [createEncryptionCodec(keys, sealed)],
    ...(path !== undefined && { failureConverterPath: path }),
  };
}

/** A payload read by hand, from a history say, as its client would read it. */
export async function decodePayload<Value>(
  { payloadCodecs, payloadConverter }: LoadedDataConverter,
  payload: Payload,
): Promise<Value> {
  let payloads = [payload];
  for (const codec of payloadCodecs.toReversed()) payloads = await codec.decode(payloads);
  const [decoded = payload] = payloads;
  return payloadConverter.fromPayload<Value>(decoded);
}
