/** Callbacks as the provider would send them, signed with a key pair of the test's own. */
import {
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  randomUUID,
  sign,
  type KeyObject,
} from 'node:crypto';

/** A request to the webhook, still to be bent. */
export interface TestRequest {
  readonly method?: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: Buffer;
}

export const CALLBACKS = '/callbacks/legalesign';
export const FORM = 'application/x-www-form-urlencoded';

export interface TestSigner {
  readonly publicKey: KeyObject;
  /** Base64, as the provider encodes it. */
  signature(digest: 'sha1' | 'sha256', bytes: Buffer): string;
}

/** A new RSA key pair. */
export function createTestSigner(modulusLength = 2048): TestSigner {
  return signerWith(generateKeyPairSync('rsa', { modulusLength }).privateKey);
}

/** Signs with a key that somebody else made, such as the sandbox. */
export function signerWith(privateKey: KeyObject): TestSigner {
  return {
    publicKey: createPublicKey(privateKey),
    signature: (digest, bytes) => sign(digest, bytes, privateKey).toString('base64'),
  };
}

/** HMAC-SHA256 in an encoding. */
export function hmac(secret: string, bytes: Buffer, encoding: 'hex' | 'base64' = 'hex'): string {
  return createHmac('sha256', secret).update(bytes).digest(encoding);
}

/** Every byte escaped but letters and digits. */
export function escapeBytes(bytes: Buffer): string {
  return [...bytes]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      if (/[A-Za-z0-9]/.test(character)) return character;
      return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}

/** A form from names to bytes or text. */
export function encodeForm(fields: readonly (readonly [string, Buffer | string])[]): Buffer {
  const pairs = fields.map(([name, value]) => `${name}=${escapeBytes(Buffer.from(value))}`);
  return Buffer.from(pairs.join('&'));
}

export function formRequest(body: Buffer | string, path = CALLBACKS): TestRequest {
  return { path, headers: { 'content-type': FORM }, body: Buffer.from(body) };
}

/** An entry of a batch. */
export function entry(
  kind: 'document' | 'signer',
  id: string,
  value: string,
  timestamp = timestampNow(),
): Record<string, unknown> {
  return { timestamp, name: 'status', value, resource_uri: `/api/v1/${kind}/${id}/` };
}

/** As the provider prints it: second resolution, no zone. */
export function timestampNow(): string {
  return new Date().toISOString().slice(0, 19);
}

export function batchRequest(signer: TestSigner, data: Buffer | string): TestRequest {
  const bytes = Buffer.from(data);
  return formRequest(
    encodeForm([
      ['data', bytes],
      ['signed', signer.signature('sha1', bytes)],
    ]),
  );
}

/** `signed` in its newer form. */
export function noticeRequest(signer: TestSigner, json: Buffer | string): TestRequest {
  const bytes = Buffer.from(json);
  const request = formRequest(encodeForm([['json_signed', bytes]]));
  const headers = { ...request.headers, 'x-signed': signer.signature('sha1', bytes) };
  return { ...request, headers };
}

/** `signed` in its older form, which only a token lets in. */
export function hintRequest(documentId: string, token?: string): TestRequest {
  const body = encodeForm([
    ['resource_uri', `/api/v1/document/${documentId}/`],
    ['group', '/api/v1/group/sales/'],
    ['name', 'Contract of Jane Doe'],
    ['uuid', documentId],
    ['tag', 'order-17'],
  ]);
  return formRequest(body, token === undefined ? CALLBACKS : `${CALLBACKS}/${token}`);
}

export function jsonRequest(
  body: Buffer | string,
  headers: Readonly<Record<string, string | string[]>> = {},
): TestRequest {
  return {
    path: CALLBACKS,
    headers: { 'content-type': 'application/json', ...headers },
    body: Buffer.from(body),
  };
}

/** A realtime event about a document with two recipients. */
export function documentEvent(
  documentId: string,
  event = 'document.finalPdfCreated',
  data: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    version: 1,
    object: 'document',
    event,
    id: randomUUID(),
    created: Math.floor(Date.now() / 1000),
    data: {
      uuid: documentId,
      name: 'Contract of Jane Doe',
      status: 30,
      group: 'Sales',
      groupResourceUri: '/api/v1/group/sales/',
      resourceUri: `/api/v1/document/${documentId}/`,
      tag: 'order-17',
      recipients: [
        { uuid: randomUUID(), email: 'jane@example.com', order: 1, status: 40, roleText: 'Signer' },
        {
          uuid: randomUUID(),
          email: 'joe@example.com',
          order: 2,
          status: '40',
          roleText: 'Witness',
        },
      ],
      ...data,
    },
  };
}

/** A realtime event about a recipient. */
export function recipientEvent(
  documentId: string,
  event = 'recipient.completed',
  data: Record<string, unknown> = {},
): Record<string, unknown> {
  const uuid = randomUUID();
  return {
    version: 1,
    object: 'recipient',
    event,
    id: randomUUID(),
    created: Math.floor(Date.now() / 1000),
    data: {
      uuid,
      email: 'jane@example.com',
      firstname: 'Jane',
      lastname: 'Doe',
      resourceUri: `/api/v1/signer/${uuid}/`,
      documentResourceUri: `/api/v1/document/${documentId}/`,
      groupResourceUri: '/api/v1/group/sales/',
      tag: 'order-17',
      ...data,
    },
  };
}
