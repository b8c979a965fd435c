import { fileURLToPath } from 'node:url';
import type { DataConverter, LoadedDataConverter, Payload, PayloadCodec } from '@temporalio/common';
import { createEncryptionCodec, DecryptionError } from './encryption-codec.js';
import type { EncryptionKeys } from './encryption-keys.js';

export { DecryptionError } from './encryption-codec.js';

/**
 * For workers, clients and workflow bundles where there are keys. Reading needs none: the default
 * converter understands encoded failures as well.
 */
export function failureConverterPath(keys: EncryptionKeys): string | undefined {
  if (keys.length === 0) return undefined;
  const extension = import.meta.url.endsWith('.js') ? 'js' : 'ts';
  return fileURLToPath(new URL(`./failure-converter.${extension}`, import.meta.url));
}

/**
 * What is read of a payload that does not decrypt: its key is not among those given, or is another
 * one of the same ID.
 */
export type SealedReading = 'refused' | 'null';

/** What every client and worker is made with: it encrypts where there are keys. */
export function createDataConverter(
  keys: EncryptionKeys = [],
  sealed: SealedReading = 'refused',
): DataConverter {
  const path = failureConverterPath(keys);
  const converter: DataConverter = {
    payloadCodecs: [createEncryptionCodec(keys)],
    ...(path !== undefined && { failureConverterPath: path }),
  };
  return sealed === 'null' ? readingNull(converter) : converter;
}

/** What a client is known by. */
interface ClientParts<Connection> {
  readonly connection: Connection;
  readonly options: { readonly namespace: string; readonly dataConverter: DataConverter };
}

/** Options of a client. */
interface ClientOptions<Connection> {
  readonly connection: Connection;
  readonly namespace: string;
  readonly dataConverter: DataConverter;
}

/**
 * Options of a second client on the same connection, for looking around: what does not decrypt it
 * reads as null. The SDK decodes the memo of every execution that it lists or describes, and one
 * whose key is lost would hide all others. Null is "not known", never "not there".
 */
export function lookUpOptions<Connection>({
  connection,
  options: { namespace, dataConverter },
}: ClientParts<Connection>): ClientOptions<Connection> {
  return { connection, namespace, dataConverter: readingNull(dataConverter) };
}

/** What JSON's null is converted to; `binary/null` would be read as undefined. */
const NULL_PAYLOAD: Payload = {
  metadata: { encoding: Buffer.from('json/plain') },
  data: Buffer.from('null'),
};

function readingNull(converter: DataConverter): DataConverter {
  return { ...converter, payloadCodecs: (converter.payloadCodecs ?? []).map(codecReadingNull) };
}

function codecReadingNull(codec: PayloadCodec): PayloadCodec {
  type Context = Parameters<PayloadCodec['decode']>[1];
  const decodeOne = async (payload: Payload, context: Context): Promise<Payload> => {
    try {
      const [decoded = payload] = await codec.decode([payload], context);
      return decoded;
    } catch (error) {
      if (error instanceof DecryptionError) return NULL_PAYLOAD;
      throw error;
    }
  };
  return {
    encode: (payloads, context) => codec.encode(payloads, context),
    decode: (payloads, context) => Promise.all(payloads.map((each) => decodeOne(each, context))),
  };
}

/**
 * A payload read by hand, from a history say, as its client would read it.
 * @throws DecryptionError
 */
export async function decodePayload<Value>(
  { payloadCodecs, payloadConverter }: LoadedDataConverter,
  payload: Payload,
): Promise<Value> {
  let payloads = [payload];
  for (const codec of payloadCodecs.toReversed()) payloads = await codec.decode(payloads);
  const [decoded = payload] = payloads;
  return payloadConverter.fromPayload<Value>(decoded);
}

/** The same, or why it does not decrypt. */
export async function decodeUnlessSealed<Value>(
  converter: LoadedDataConverter,
  payload: Payload,
): Promise<Value | DecryptionError> {
  try {
    return await decodePayload<Value>(converter, payload);
  } catch (error) {
    if (error instanceof DecryptionError) return error;
    throw error;
  }
}
