/**
 * From a request to bytes that the provider is known to have sent. The rules are fixed: which
 * signature counts follows from the format alone, and every signature that is there and can be
 * checked must be right. Pure.
 */
import type { KeyObject } from 'node:crypto';
import { MalformedError, SignatureError, UnsupportedTypeError } from './errors.js';
import { parseForm, type FormField } from './form.js';
import {
  decodeBase64,
  decodeEither,
  matchesToken,
  SIGNATURE_MAX_LENGTH,
  verifyHmac,
  verifyRsa,
} from './signatures.js';

/** What the webhook believes in. Several of each, so that they can be rotated. */
export interface Trust {
  /** RSA keys of the provider's certificates. */
  readonly publicKeys: readonly KeyObject[];
  /** For `X-Hmac-Sha256`. */
  readonly hmacSecrets: readonly string[];
  /** URL tokens: the only thing that lets an unsigned callback in, as a hint. */
  readonly tokens: readonly string[];
  /**
   * Signed callbacks need a token too: the provider signs for all its customers with one key, and
   * not to whom.
   */
  readonly requiresToken?: boolean;
}

/** The two bodies that callbacks have. */
type BodyKind = 'form' | 'json';

export type HeaderValues = ReadonlyMap<string, readonly string[]>;

/** A request as the rules see it. */
export interface CallbackRequest {
  readonly kind: BodyKind;
  /** Per name in lower case every value, so that a header given twice is seen. */
  readonly headers: HeaderValues;
  readonly body: Buffer;
  /** The URL carried one of the configured tokens. */
  readonly tokenMatched: boolean;
}

/** Bytes and what they prove. A hint proves nothing: ask the provider. */
export type VerifiedCallback =
  | { readonly format: 'batch'; readonly bytes: Buffer }
  | { readonly format: 'realtime'; readonly bytes: Buffer }
  | { readonly format: 'notice'; readonly bytes: Buffer }
  | { readonly format: 'hint'; readonly bytes: Buffer; readonly encoding: 'json' | 'uri' };

const TYPES: ReadonlyMap<string, BodyKind> = new Map([
  ['application/x-www-form-urlencoded', 'form'],
  ['application/json', 'json'],
]);

/**
 * The kind of body by the request's content types, media type and charset (empty: not given).
 * Throws UnsupportedTypeError.
 */
export function bodyKindOf(
  contentTypes: readonly string[],
  mediaType: string,
  charset: string,
): BodyKind {
  const kind = TYPES.get(mediaType.trim().toLowerCase());
  if (kind === undefined || contentTypes.length > 1) {
    const known = [...TYPES.keys()].join(' or ');
    throw new UnsupportedTypeError('unsupportedType', `the content type must be ${known}`);
  }
  if (!['', 'utf-8', 'utf8', 'us-ascii'].includes(charset.toLowerCase())) {
    throw new UnsupportedTypeError('unsupportedCharset', 'the charset must be utf-8');
  }
  return kind;
}

/**
 * Whether the URL's token admits hints. SignatureError for one that is there and wrong, and for
 * none where one is required.
 */
export function checkToken(
  token: string | undefined,
  { tokens, requiresToken = false }: Pick<Trust, 'tokens' | 'requiresToken'>,
): boolean {
  if (token === undefined && requiresToken) {
    throw new SignatureError('tokenMissing', 'every callback needs a token of WEBHOOK_TOKENS here');
  }
  if (token === undefined || tokens.length === 0) return false;
  if (matchesToken(token, tokens)) return true;
  throw new SignatureError('tokenWrong', 'the token in the URL is not one of WEBHOOK_TOKENS');
}

/** Applies the rules. Throws SignatureError or MalformedError. */
export async function verifyCallback(
  request: CallbackRequest,
  trust: Trust,
): Promise<VerifiedCallback> {
  const checked = await checkBodySignatures(request, trust);
  if (request.kind === 'form') return verifyForm(request, trust);
  if (checked > 0) return { format: 'realtime', bytes: request.body };
  throw new SignatureError(
    'signatureMissing',
    'X-Signed-Sha256 or X-Hmac-Sha256 is needed, and LEGALESIGN_CERTIFICATES or ' +
      'LEGALESIGN_HMAC_SECRETS to check it',
  );
}

async function verifyForm(request: CallbackRequest, trust: Trust): Promise<VerifiedCallback> {
  const fields = parseForm(request.body, ['data', 'signed', 'json_signed', 'resource_uri']);
  const [data, signed] = [fields.get('data'), fields.get('signed')];
  const [json, uri] = [fields.get('json_signed'), fields.get('resource_uri')];
  const xSigned = onlyValue(request.headers, 'x-signed');
  if (data !== undefined || signed !== undefined) {
    if (json === undefined) return verifyBatch(data, signed, trust);
    throw new MalformedError('ambiguous', 'both json_signed and data or signed: which is it?');
  }
  if (json !== undefined) return verifyNotice(json, xSigned, request, trust);
  if (xSigned !== undefined) {
    throw new SignatureError('signedPartMissing', 'X-Signed without `json_signed`, which it signs');
  }
  if (uri !== undefined) return takeHint({ bytes: uri.value, encoding: 'uri' }, request);
  throw new MalformedError('unknownFormat', 'none of the fields of a known callback');
}

async function verifyBatch(
  data: FormField | undefined,
  signed: FormField | undefined,
  trust: Trust,
): Promise<VerifiedCallback> {
  if (data === undefined) throw new MalformedError('fieldMissing', '`signed` without `data`');
  if (signed === undefined) {
    throw new SignatureError('signatureMissing', '`data` without `signed`');
  }
  const signature = signed.value.toString('latin1');
  return { format: 'batch', bytes: await genuineBytes('data', data, signature, trust) };
}

async function verifyNotice(
  json: FormField,
  signature: string | undefined,
  request: CallbackRequest,
  trust: Trust,
): Promise<VerifiedCallback> {
  if (signature === undefined || trust.publicKeys.length === 0) {
    return takeHint({ bytes: json.value, encoding: 'json' }, request);
  }
  return { format: 'notice', bytes: await genuineBytes('json_signed', json, signature, trust) };
}

function takeHint(
  hint: { readonly bytes: Buffer; readonly encoding: 'json' | 'uri' },
  { tokenMatched }: CallbackRequest,
): VerifiedCallback {
  if (tokenMatched) return { format: 'hint', ...hint };
  throw new SignatureError(
    'signatureMissing',
    'no signature that can be checked, and no token of WEBHOOK_TOKENS in the URL',
  );
}

/** The field's bytes as they were signed: by the standard decoding, or with `+` never escaped. */
async function genuineBytes(
  name: string,
  field: FormField,
  signatureText: string,
  trust: Trust,
): Promise<Buffer> {
  if (trust.publicKeys.length === 0) {
    throw new SignatureError('noKey', 'no LEGALESIGN_CERTIFICATES to check the signature with');
  }
  const signature = decodeBase64(signatureText);
  if (signature === undefined) {
    throw malformedSignature(`the signature of \`${name}\` is not base64`);
  }
  const isSigned = (bytes: Buffer): Promise<boolean> =>
    verifyRsa('sha1', bytes, signature, trust.publicKeys);
  if (await isSigned(field.value)) return field.value;
  const { withPlusKept } = field;
  if (withPlusKept !== undefined && (await isSigned(withPlusKept))) return withPlusKept;
  throw wrongSignature(`\`${name}\``, 'LEGALESIGN_CERTIFICATES');
}

/** Checks what covers the raw body, whatever the format. How many signatures could be checked. */
async function checkBodySignatures(
  { headers, body }: CallbackRequest,
  trust: Trust,
): Promise<number> {
  const rsa = onlyValue(headers, 'x-signed-sha256');
  const hmac = onlyValue(headers, 'x-hmac-sha256');
  const checks = [
    rsa !== undefined && trust.publicKeys.length > 0 && (await checkBodyRsa(rsa, body, trust)),
    hmac !== undefined && trust.hmacSecrets.length > 0 && checkBodyHmac(hmac, body, trust),
  ];
  return checks.filter(Boolean).length;
}

async function checkBodyRsa(text: string, body: Buffer, { publicKeys }: Trust): Promise<true> {
  for (const signature of decodedHeader('X-Signed-Sha256', text)) {
    if (await verifyRsa('sha256', body, signature, publicKeys)) return true;
  }
  throw wrongSignature('the body (X-Signed-Sha256)', 'LEGALESIGN_CERTIFICATES');
}

function checkBodyHmac(text: string, body: Buffer, { hmacSecrets }: Trust): true {
  const candidates = decodedHeader('X-Hmac-Sha256', text);
  if (candidates.some((bytes) => verifyHmac(body, bytes, hmacSecrets))) return true;
  throw wrongSignature('the body (X-Hmac-Sha256)', 'LEGALESIGN_HMAC_SECRETS');
}

function decodedHeader(name: string, text: string): readonly Buffer[] {
  const candidates = decodeEither(text);
  if (candidates.length > 0) return candidates;
  throw malformedSignature(`${name} is neither hex nor base64`);
}

function malformedSignature(what: string): SignatureError {
  const message = `${what} of at most ${SIGNATURE_MAX_LENGTH} characters`;
  return new SignatureError('signatureMalformed', message);
}

function onlyValue(headers: HeaderValues, name: string): string | undefined {
  const values = headers.get(name) ?? [];
  if (values.length <= 1) return values[0];
  throw new SignatureError('signatureRepeated', `${name} is there more than once`);
}

function wrongSignature(what: string, variable: string): SignatureError {
  return new SignatureError(
    'signatureWrong',
    `the signature does not match ${what}: sign the exact bytes, or check ${variable}`,
  );
}
