/** Requests to the webhook: genuine, with hostile content, or bent on the way. */
import fc from 'fast-check';
import { CALLBACKS, createTestSigner, encodeForm, FORM, hmac } from '../support/webhook-signing.js';
import { batchContent, bytesOf, noticeContent, realtimeContent } from './hostile-callbacks.js';
import { hostileJson, someUri } from './hostile-json.js';

export const TOKEN = 'the-token-of-the-fuzz';
export const SECRET = 'the-hmac-secret-of-the-fuzz';
/** Short keys: what is tested is not RSA, and signing is most of a case's time. */
export const provider = createTestSigner(1024);
const stranger = createTestSigner(1024);

/** A request before it is bytes. */
export interface HostileRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer;
  /** What the provider signed in it, as the intake takes it; nothing where a stranger signed. */
  readonly signed?: { readonly format: 'batch' | 'notice' | 'realtime'; readonly bytes: Buffer };
  /** Done to the bytes on the wire. */
  readonly wire?: { readonly at: number; readonly byte: number; readonly cut: boolean };
}

const isGenuine = fc.constantFrom(true, true, true, false);

const batch = fc.tuple(bytesOf(batchContent), isGenuine).map(([bytes, genuine]) => {
  const signature = (genuine ? provider : stranger).signature('sha1', bytes);
  const body = encodeForm([
    ['data', bytes],
    ['signed', signature],
  ]);
  return formRequest(body, genuine ? { format: 'batch', bytes } : undefined);
});

const notice = fc.tuple(bytesOf(noticeContent), isGenuine).map(([bytes, genuine]) => {
  const signature = (genuine ? provider : stranger).signature('sha1', bytes);
  const request = formRequest(
    encodeForm([['json_signed', bytes]]),
    genuine ? { format: 'notice', bytes } : undefined,
  );
  return { ...request, headers: [...request.headers, ['X-Signed', signature] as const] };
});

const realtime = fc
  .tuple(bytesOf(realtimeContent), isGenuine, fc.constantFrom('rsa', 'hmac', 'both'))
  .map(([body, genuine, how]): HostileRequest => {
    const rsa = (genuine ? provider : stranger).signature('sha256', body);
    const mac = hmac(genuine ? SECRET : 'a-secret-of-somebody', body);
    return {
      method: 'POST',
      path: CALLBACKS,
      headers: [
        ['Content-Type', 'application/json'],
        ...(how === 'hmac' ? [] : [['X-Signed-Sha256', rsa] as const]),
        ...(how === 'rsa' ? [] : [['X-Hmac-Sha256', mac] as const]),
      ],
      body,
      ...(genuine && { signed: { format: 'realtime', bytes: body } }),
    };
  });

const hint = fc
  .tuple(fc.oneof(someUri('document'), hostileJson), fc.constantFrom('', `/${TOKEN}`, '/wrong'))
  .map(([uri, token]) => ({
    ...formRequest(encodeForm([['resource_uri', uri.replaceAll('"', '')]])),
    path: `${CALLBACKS}${token}`,
  }));

function formRequest(body: Buffer, signed?: HostileRequest['signed']): HostileRequest {
  const headers = [['Content-Type', FORM]] as const;
  return { method: 'POST', path: CALLBACKS, headers, body, ...(signed && { signed }) };
}

type Mutation = (request: HostileRequest) => HostileRequest;

const flipped = fc
  .tuple(fc.nat(), fc.integer({ min: 1, max: 255 }))
  .map(([at, mask]): Mutation => (request) => {
    const body = Buffer.from(request.body);
    const index = at % Math.max(1, body.length);
    body[index] = (body[index] ?? 0) ^ mask;
    return { ...request, body };
  });

/** Of the pairs that `&` parts: one taken away, doubled, put last, or a stranger added. */
const pairs = fc
  .tuple(fc.nat(), fc.constantFrom('drop', 'double', 'last', 'add'))
  .map(([at, how]): Mutation => (request) => {
    const parts = request.body.toString('latin1').split('&');
    const [part = ''] = parts.splice(at % parts.length, 1);
    if (how === 'double') parts.push(part, part);
    if (how === 'last') parts.push(part);
    if (how === 'add') parts.push(part, 'json_signed={}');
    return { ...request, body: Buffer.from(parts.join('&'), 'latin1') };
  });

const doubledHeader = fc.nat().map((at): Mutation => (request) => {
  const header = request.headers[at % Math.max(1, request.headers.length)];
  return { ...request, headers: [...request.headers, ...(header ? [header] : [])] };
});

const droppedHeader = fc.nat().map((at): Mutation => (request) => ({
  ...request,
  headers: request.headers.filter((_, index) => index !== at % request.headers.length),
}));

const addedHeader = fc
  .constantFrom<(readonly [string, string])[]>(
    ['Content-Encoding', 'gzip'],
    ['Content-Type', 'multipart/form-data; boundary=x'],
    ['X-Signed', ''],
    ['X-Signed-Sha256', 'AAAA'],
    ['X-Hmac-Sha256', '\u00ff'],
    ['Expect', '100-continue'],
    ['Expect', 'nonsense'],
    ['Upgrade', 'websocket'],
    ['__proto__', 'x'],
    ['X-HTTP-Method-Override', 'GET'],
  )
  .map((header): Mutation => (request) => ({ ...request, headers: [...request.headers, header] }));

const contentType = fc
  .constantFrom(
    'application/json',
    FORM,
    'text/plain',
    'application/json; charset=utf-16',
    `${FORM}; charset="`,
    ';',
    'application/json, text/plain',
  )
  .map((type): Mutation => (request) => ({
    ...request,
    headers: [
      ...request.headers.filter(([name]) => name !== 'Content-Type'),
      ['Content-Type', type],
    ],
  }));

const elsewhere = fc
  .tuple(
    fc.constantFrom('POST', 'POST', 'GET', 'PUT', 'OPTIONS', 'HEAD', 'BREW', 'CONNECT'),
    fc.constantFrom(
      `${CALLBACKS}/${TOKEN}`,
      `${CALLBACKS}/%E0%A4%A`,
      `${CALLBACKS}/..%2f..`,
      `${CALLBACKS}/__proto__`,
      `${CALLBACKS}//`,
      `http://elsewhere${CALLBACKS}`,
      `http://[::1${CALLBACKS}`,
      'http://xn--0/',
      'http://[fe80::%25]/',
      '//a@[::1#',
      '/\\a@[::1#',
      `${CALLBACKS}#part`,
      `${CALLBACKS}?token=${TOKEN}`,
      '*',
      '//',
    ),
  )
  .map(([method, path]): Mutation => (request) => ({ ...request, method, path }));

const wire = fc
  .tuple(fc.nat(), fc.integer({ min: 0, max: 255 }), fc.boolean())
  .map(([at, byte, cut]): Mutation => (request) => ({ ...request, wire: { at, byte, cut } }));

const mutations = fc.oneof(
  { weight: 5, arbitrary: fc.constant<Mutation[]>([]) },
  {
    weight: 6,
    arbitrary: fc.array(
      fc.oneof(
        { weight: 4, arbitrary: flipped },
        { weight: 3, arbitrary: pairs },
        ...[doubledHeader, droppedHeader, addedHeader, contentType, elsewhere].map((arbitrary) => ({
          weight: 2,
          arbitrary,
        })),
        { weight: 1, arbitrary: wire },
      ),
      { minLength: 1, maxLength: 3 },
    ),
  },
);

/** A request, bent or as the provider would send it. */
export const hostileRequest: fc.Arbitrary<HostileRequest> = fc
  .tuple(fc.oneof(batch, notice, realtime, hint), mutations)
  .map(([request, all]) => all.reduce((bent, mutate) => mutate(bent), request));

/** The bytes that go over the wire. */
export function wireBytes({ method, path, headers, body, wire: damage }: HostileRequest): Buffer {
  const lines = [
    `${method} ${path} HTTP/1.1`,
    'Host: webhook',
    'Connection: close',
    ...headers.map(([name, value]) => `${name}: ${value}`),
    `Content-Length: ${body.length}`,
  ];
  const bytes = Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), body]);
  if (!damage) return bytes;
  const at = damage.at % bytes.length;
  if (damage.cut) return bytes.subarray(0, at);
  bytes[at] = damage.byte;
  return bytes;
}
