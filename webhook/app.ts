import Router, { type RouterContext } from '@koa/router';
import Koa, { type Context } from 'koa';
import type { Logger } from 'pino';
import { BodyBudget, type BodyShare } from './body-budget.js';
import type { CallbackInbox } from './callback-inbox.js';
import {
  createCallbackIntake,
  type Acknowledgement,
  type CallbackIntake,
} from './callback-intake.js';
import { MalformedError, UnsupportedTypeError } from './errors.js';
import { rememberReadiness, type Readiness } from './health.js';
import { createMetrics, type WebhookMetrics } from './metrics.js';
import { answerRefusals, messageAndStack } from './refusals.js';
import { readBody } from './request-body.js';
import { createSharedWrites } from './shared-writes.js';
import {
  bodyKindOf,
  checkToken,
  verifyCallback,
  type CallbackRequest,
  type HeaderValues,
  type Trust,
  type VerifiedCallback,
} from './verify-callback.js';

/** Where the provider's callbacks go; a token may follow as one more segment. */
export const CALLBACK_PATH = '/callbacks/legalesign';

/** What the app works with. It holds nothing open: whoever made a thing closes it. */
export interface WebhookDependencies {
  readonly inbox: CallbackInbox;
  readonly trust: Trust;
  /** In ms: what happened longer ago is set aside. */
  readonly maxAgeMs: number;
  readonly bodyLimitBytes: number;
  /** What all bodies together may hold until they are answered. */
  readonly bodyBudgetBytes: number;
  readonly logger: Logger;
  readonly metrics?: WebhookMetrics;
  /** The time in ms since 1970; the system's by default. */
  readonly now?: () => number;
  /** Whether callbacks can be stored now. Asked at most once a second. */
  readonly ready: () => Promise<Readiness>;
}

/** The webhook as a Koa app: callbacks, health and metrics. */
export function createApp(dependencies: WebhookDependencies): Koa {
  const { logger, metrics = createMetrics(), now = Date.now } = dependencies;
  const intake = createCallbackIntake({ ...dependencies, now });
  const ready = rememberReadiness(dependencies.ready, now, logger);
  const budget = new BodyBudget(dependencies.bodyBudgetBytes);
  const shareText = createSharedWrites<string>();
  const router = new Router();
  router.post([CALLBACK_PATH, `${CALLBACK_PATH}/:token`], (context) =>
    takeCallback(context, intake, { ...dependencies, metrics, budget }),
  );
  router.get('/health/live', (context) => {
    context.body = { status: 'live' };
  });
  router.get('/health/ready', (context) => showReadiness(context, ready));
  router.get('/metrics', async (context) => {
    context.type = metrics.registry.contentType;
    context.body = await shareText('metrics', () => metrics.registry.metrics());
  });
  const app = new Koa();
  app.on('error', (error: unknown) => {
    recordUnsent(logger, error);
  });
  app.use(answerRefusals(logger, metrics));
  app.use(requirePath);
  app.use(router.routes());
  app.use(router.allowedMethods());
  return app;
}

/** Of any other target the router may make a URL, which throws where the host in it is none. */
const PATH = /^\/[^\s#]*$/;

async function requirePath(context: Context, next: () => Promise<void>): Promise<void> {
  if (!PATH.test(context.url)) {
    throw new MalformedError('badHttp', 'what is asked for must be a path, from `/` on');
  }
  await next();
}

interface CallbackDependencies extends WebhookDependencies {
  readonly metrics: WebhookMetrics;
  readonly budget: BodyBudget;
}

async function takeCallback(
  context: RouterContext,
  intake: CallbackIntake,
  { trust, bodyLimitBytes, metrics, logger, budget }: CallbackDependencies,
): Promise<void> {
  const answered = metrics.began();
  const share = budget.open();
  try {
    const request = await readRequest(context, trust, bodyLimitBytes, share);
    await metrics.timed(async () => {
      const callback = await verifyCallback(request, trust);
      const acknowledgement = await intake(callback);
      metrics.acknowledged(callback.format, acknowledgement);
      record(logger, callback.format, acknowledgement);
      context.body = { result: acknowledgement.result };
    });
  } finally {
    share.release();
    answered();
  }
}

/** What can be refused without the body is refused before it is read. */
async function readRequest(
  context: RouterContext,
  trust: Trust,
  bodyLimitBytes: number,
  share: BodyShare,
): Promise<CallbackRequest> {
  const headers = headerValues(context.req.rawHeaders);
  const { type, charset } = context.request;
  const tokenMatched = checkToken(context.params['token'], trust);
  const kind = bodyKindOf(headers.get('content-type') ?? [], type, charset);
  if (!['', 'identity'].includes(context.get('Content-Encoding').toLowerCase())) {
    throw new UnsupportedTypeError('unsupportedEncoding', 'the body must not be compressed');
  }
  const body = await readBody(context.req, bodyLimitBytes, share);
  return { kind, tokenMatched, body, headers };
}

/** Node's own `headersDistinct` throws, in older versions, for a header named `__proto__`. */
function headerValues(rawHeaders: readonly string[]): HeaderValues {
  const values = new Map<string, string[]>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase();
    const value = rawHeaders[index + 1] ?? '';
    const known = values.get(name);
    if (known === undefined) values.set(name, [value]);
    else known.push(value);
  }
  return values;
}

/** A connection that broke is nobody's error here, and its error holds the bytes of the request. */
function recordUnsent(logger: Logger, error: unknown): void {
  if (error instanceof Error && 'code' in error) {
    logger.debug({ code: error.code }, 'a connection broke');
  } else {
    logger.error({ err: messageAndStack(error) }, 'an answer could not be sent');
  }
}

/** What people should see is `info`: entries or whole callbacks set aside. The rest is `debug`. */
function record(
  logger: Logger,
  format: VerifiedCallback['format'],
  acknowledgement: Acknowledgement,
): void {
  const notable = acknowledgement.result === 'setAside' || acknowledgement.setAside > 0;
  logger[notable ? 'info' : 'debug']({ format, ...acknowledgement }, 'callback acknowledged');
}

async function showReadiness(context: Context, ready: () => Promise<Readiness>): Promise<void> {
  const { ok, reason, spool } = await ready();
  const more = { ...(reason !== undefined && { reason }), ...(spool && { spool }) };
  context.status = ok ? 200 : 503;
  context.body = { status: ok ? 'ready' : 'notReady', ...more };
}
