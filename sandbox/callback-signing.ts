/**
 * Builds callbacks as the provider sends them, signed. Pure: the sandbox posts what it returns,
 * and tests of a receiver use it as their factory of genuine requests.
 */
import { createHmac, sign, type KeyObject } from 'node:crypto';

/** A request ready to be posted. `body` holds the exact bytes that the signature belongs to. */
export interface SignedRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** One change in a batch (`notify: all`), with the provider's field names. */
export interface BatchEntry {
  /** Second resolution, no zone; the sandbox writes UTC. */
  readonly timestamp: string;
  readonly name: string;
  readonly value: string;
  readonly resource_uri: string;
}

/** The fields of a notice (`notify: signed | sent | rejected`). */
export interface Notice {
  readonly resource_uri: string;
  readonly group: string;
  readonly name: string;
  readonly uuid: string;
  readonly tag: string;
}

/** A realtime event (`notify: realtime`). */
export interface RealtimeEvent {
  readonly version: number;
  readonly object: 'document' | 'recipient';
  readonly event: string;
  /** Stable per event, whatever number of times it is sent. */
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly data: Readonly<Record<string, unknown>>;
}

/** How a batch's form is written. */
interface BatchEncoding {
  /** Leave the `+` of base64 as it is, as a careless sender would: a form decoder reads a space. */
  readonly plusUnescaped?: boolean;
}

/** What a realtime event is signed with. */
interface RealtimeKeys {
  /** Without it, no `X-Signed-Sha256`. */
  readonly privateKey?: KeyObject;
  /** Without it, no `X-Hmac-Sha256`. */
  readonly hmacSecret?: string;
  /** Of the RSA signature; base64 unless told. The provider does not document which. */
  readonly encoding?: 'base64' | 'hex';
  /** Of the HMAC; hex unless told. The provider does not document which. */
  readonly hmacEncoding?: 'base64' | 'hex';
}

const FORM = 'application/x-www-form-urlencoded';

function formField(name: string, value: string): string {
  return `${name}=${encodeURIComponent(value)}`;
}

function form(fields: Readonly<Record<string, string>>): Buffer {
  const parts = Object.entries(fields).map(([name, value]) => formField(name, value));
  return Buffer.from(parts.join('&'));
}

/** Base64 of the RSA PKCS#1 v1.5 signature with SHA-1 over the UTF-8 bytes of `text`. */
function rsaSha1(text: string, privateKey: KeyObject): string {
  return sign('RSA-SHA1', Buffer.from(text), privateKey).toString('base64');
}

/** A batch of changes: form fields `data` (JSON text) and `signed`. */
export function signedBatch(
  entries: readonly BatchEntry[],
  privateKey: KeyObject,
  { plusUnescaped = false }: BatchEncoding = {},
): SignedRequest {
  const data = JSON.stringify(entries);
  const signature = formField('signed', rsaSha1(data, privateKey));
  const signed = plusUnescaped ? signature.replaceAll('%2B', '+') : signature;
  const body = Buffer.from(`${formField('data', data)}&${signed}`);
  return { headers: { 'Content-Type': FORM }, body };
}

/** A notice in the older form: plain fields that nothing vouches for. */
export function unsignedNotice(notice: Notice): SignedRequest {
  return { headers: { 'Content-Type': FORM }, body: form({ ...notice }) };
}

/** A notice with `json_signed` beside the plain fields, and its signature in `X-Signed`. */
export function signedNotice(notice: Notice, privateKey: KeyObject): SignedRequest {
  const text = JSON.stringify(notice);
  return {
    headers: { 'Content-Type': FORM, 'X-Signed': rsaSha1(text, privateKey) },
    body: form({ ...notice, json_signed: text }),
  };
}

/** A realtime event as JSON, with one header per key given. */
export function signedRealtime(event: RealtimeEvent, keys: RealtimeKeys): SignedRequest {
  const body = Buffer.from(JSON.stringify(event));
  const headers: Record<string, string> = { 'Content-Type': 'application/json' };
  if (keys.privateKey) {
    const signature = sign('RSA-SHA256', body, keys.privateKey);
    headers['X-Signed-Sha256'] = signature.toString(keys.encoding ?? 'base64');
  }
  if (keys.hmacSecret) {
    const hmac = createHmac('sha256', keys.hmacSecret).update(body);
    headers['X-Hmac-Sha256'] = hmac.digest(keys.hmacEncoding ?? 'hex');
  }
  return { headers, body };
}
