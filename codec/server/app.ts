/** The Koa app that shows payloads to the Temporal UI and command line, and takes theirs. */
import Router from '@koa/router';
import type { Payload, PayloadCodec } from '@temporalio/common';
import Koa from 'koa';
import type { Context, Middleware } from 'koa';
import type { Logger } from 'pino';
import getRawBody from 'raw-body';
import { createEncryptionCodec, DecryptionError } from '../encryption-codec.js';
import { isAuthorised } from './authorisation.js';
import type { CodecServerConfiguration } from './configuration.js';
import { drain } from './drain.js';
import { parsePayloads, showPayloads } from './payload-json.js';

/** What the UI and `--codec-endpoint` are told, behind the server's address: it adds the rest. */
export const CODEC_PATH = '/codec';

/** A page of a history in base64; payloads have 2 MB at the most each. */
const BODY_LIMIT_BYTES = 64 * 1024 ** 2;

/** Enough for a client that sends several times the limit to read its answer, and no more. */
const DRAIN_MAX_BYTES = 4 * BODY_LIMIT_BYTES;

/** Browsers ask again whether they may after this time. */
const PREFLIGHT_MAX_AGE_S = 600;

const ALLOWED_HEADERS = 'Authorization, Authorization-Extras, Content-Type, X-Namespace';

/** How much of a header an answer repeats. */
const REPEATED_LENGTH = 64;

/** What Koa's `throw` throws; `expose` where its message is for the caller. */
interface HttpError extends Error {
  readonly status: number;
  readonly expose: boolean;
  /** Set by Koa where nothing can be answered any more: the connection broke. */
  readonly headerSent?: boolean;
}

/** What the app is made of. */
export interface CodecAppOptions extends Omit<
  CodecServerConfiguration,
  'host' | 'port' | 'logLevel'
> {
  readonly logger: Logger;
}

/** `POST /codec/decode` and `/codec/encode`, for holders of a token and known namespaces only. */
export function createCodecApp(options: CodecAppOptions): Koa {
  const codec = createEncryptionCodec(options.encryptionKeys);
  const router = new Router();
  for (const direction of ['decode', 'encode'] as const) {
    router.post(`${CODEC_PATH}/${direction}`, requireJson(options), async (context) => {
      const payloads = await readPayloads(context);
      context.body = showPayloads(await converted(codec, direction, payloads, context));
      // Counts and names, never contents.
      const namespace = context.get('X-Namespace');
      options.logger.info({ direction, namespace, payloads: payloads.length }, 'payloads shown');
    });
  }
  // A page to open once, so that the browser asks for the token and remembers it.
  router.get(CODEC_PATH, (context) => {
    context.body = 'Signed in. The Temporal UI may show payloads now.\n';
  });
  const app = new Koa();
  app.on('error', (error: Partial<HttpError>) => {
    if (error.headerSent !== true) options.logger.error({ err: error }, 'a request failed');
    else options.logger.debug({ reason: error.message }, 'a caller went away');
  });
  app.use(withReason);
  app.use(allowOrigins(options));
  app.use(requireToken(options));
  app.use(router.routes());
  app.use(router.allowedMethods());
  return app;
}

/** CORS for the UI's own origins. A preflight carries no token, and is answered before it. */
function allowOrigins({ origins }: CodecAppOptions): Middleware {
  return async (context, next) => {
    context.vary('Origin');
    const origin = context.get('Origin');
    if (origin !== '' && !origins.includes(origin)) {
      context.throw(403, `the origin ${repeated(origin)} is not among CODEC_ORIGINS`);
    }
    if (origin !== '') {
      // Not through Koa's `set` alone: an error's answer would drop them, and the UI its reason.
      context.res.setHeader('Access-Control-Allow-Origin', origin);
      context.res.setHeader('Access-Control-Allow-Credentials', 'true');
    }
    if (context.method !== 'OPTIONS') {
      await next();
      return;
    }
    context.set('Access-Control-Allow-Methods', 'POST');
    context.set('Access-Control-Allow-Headers', ALLOWED_HEADERS);
    context.set('Access-Control-Max-Age', String(PREFLIGHT_MAX_AGE_S));
    context.status = 204;
  };
}

/**
 * Answers refusals here rather than in Koa's own handler, which would drop CORS headers and log a
 * caller's mistake as a failure of ours.
 */
async function withReason(context: Context, next: () => Promise<unknown>): Promise<void> {
  try {
    await next();
  } catch (error) {
    const { status = 500, expose = false, message } = error as Partial<HttpError>;
    if (!expose) context.app.emit('error', error, context);
    if (!context.req.complete) {
      context.set('Connection', 'close');
      await drain(context.req, DRAIN_MAX_BYTES);
    }
    context.status = status;
    context.body = expose ? { message } : { message: 'failed; the log says why' };
  }
}

function repeated(header: string): string {
  return header.slice(0, REPEATED_LENGTH);
}

function requireToken({ tokens }: CodecAppOptions): Middleware {
  return async (context, next) => {
    if (!isAuthorised(context.get('Authorization'), tokens)) {
      context.set('WWW-Authenticate', 'Basic realm="Countersign payloads", charset="UTF-8"');
      context.throw(401, 'a token of CODEC_TOKENS is needed: as Bearer, or as Basic password');
    }
    await next();
  };
}

function requireJson({ namespaces }: CodecAppOptions): Middleware {
  return async (context, next) => {
    // Also what makes browsers ask before they send anything with remembered credentials.
    if (!context.is('application/json')) context.throw(415, 'the body must be application/json');
    const namespace = context.get('X-Namespace');
    if (!namespaces.includes(namespace)) {
      const named = namespace === '' ? 'no X-Namespace' : `namespace ${repeated(namespace)}`;
      context.throw(403, `${named}: this server decodes ${namespaces.join(', ')} only`);
    }
    await next();
  };
}

async function readPayloads(context: Context): Promise<Payload[]> {
  const text = await getRawBody(context.req, { limit: BODY_LIMIT_BYTES, encoding: 'utf8' });
  try {
    return parsePayloads(text);
  } catch (error) {
    return context.throw(400, error instanceof Error ? error.message : String(error));
  }
}

async function converted(
  codec: PayloadCodec,
  direction: 'decode' | 'encode',
  payloads: Payload[],
  context: Context,
): Promise<Payload[]> {
  try {
    return await codec[direction](payloads);
  } catch (error) {
    if (!(error instanceof DecryptionError)) throw error;
    return context.throw(400, error.message);
  }
}
