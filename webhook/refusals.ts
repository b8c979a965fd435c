import type { Context, Middleware } from 'koa';
import type { Logger } from 'pino';
import { Refusal } from './errors.js';
import type { WebhookMetrics } from './metrics.js';
import { drain } from './request-body.js';

/** The webhook has no queue: soon is as good as later, but not at once. */
const RETRY_AFTER_SECONDS = '10';

/** Turns what is thrown, and what no route answers, into an answer: the only place that does. */
export function answerRefusals(logger: Logger, metrics: WebhookMetrics): Middleware {
  return async (context, next) => {
    try {
      await next();
      const unanswered = refusalOfUnanswered(context);
      if (unanswered !== undefined) throw unanswered;
    } catch (error) {
      const refusal = error instanceof Refusal ? error : internal(error);
      metrics.refused(refusal.reason);
      record(logger, refusal);
      await answer(context, refusal);
    }
  };
}

/** To OPTIONS the router itself answers, 200 with an empty text: that is no answer either. */
function refusalOfUnanswered({ status, method, body }: Context): Refusal | undefined {
  if (body != null && body !== '') return undefined;
  if (status === 404) return new Refusal(404, 'notFound', 'there is nothing at this path');
  if (status === 405 || status === 501 || method === 'OPTIONS') return methodNotAllowed();
  return undefined;
}

export function methodNotAllowed(): Refusal {
  return new Refusal(405, 'methodNotAllowed', 'callbacks are sent with POST');
}

function internal(error: unknown): Refusal {
  return new Refusal(500, 'internal', 'the webhook failed: see its log', { cause: error });
}

async function answer(context: Context, refusal: Refusal): Promise<void> {
  if (!context.req.complete) {
    context.set('Connection', 'close');
    await drain(context.req);
  }
  if (refusal.status === 503) context.set('Retry-After', RETRY_AFTER_SECONDS);
  context.status = refusal.status;
  context.body = { error: refusal.reason, message: refusal.message };
}

function record(logger: Logger, refusal: Refusal): void {
  const { reason, status, message, cause } = refusal;
  if (status === 404 || status === 405) return;
  const fields = cause === undefined ? { reason } : { reason, cause: causesOf(cause) };
  if (reason === 'internal') logger.error({ reason, err: messageAndStack(cause) }, message);
  else logger.warn(fields, message);
}

/** Of a bug, what finds it. An error's other fields can hold what the request held. */
export function messageAndStack(error: unknown): Record<string, string | undefined> {
  if (!(error instanceof Error)) return { message: String(error) };
  return { message: error.message, stack: error.stack };
}

/** The messages of an error and of what caused it: gRPC's reason is the innermost. */
export function causesOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${causesOf(error.cause)}`;
}
