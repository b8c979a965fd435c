import Router from '@koa/router';
import Koa, { type Middleware } from 'koa';
import type { Logger } from 'pino';
import { dateAnswers, failOnPurpose, limitCalls, requireCredentials } from './api-gate.js';
import { createControlRouter, type ControlExtras } from './control-api.js';
import { refuseForeignPages } from './foreign-pages.js';
import { createPageRouter } from './page-files.js';
import { DOWNLOAD_PATH } from './pdf-downloads.js';
import { Refusal } from './refusal.js';
import { createRestRouter } from './rest-api.js';
import type { SandboxControl } from './sandbox-control.js';
import type { SandboxCore } from './sandbox-core.js';

/** What the app is put together with. */
interface AppSettings extends ControlExtras {
  readonly core: SandboxCore;
  readonly control: SandboxControl;
  readonly apiKeys: readonly string[] | undefined;
  readonly callsPerMinute: number | undefined;
  readonly logger: Logger;
  /** What the server listens on. */
  readonly host: string;
}

/** The one place where refusals and mistakes become answers. */
function answerErrors(logger: Logger): Middleware {
  return async (context, next) => {
    try {
      await next();
    } catch (error) {
      if (error instanceof Refusal) {
        context.status = error.status;
        context.set({ ...error.headers });
        context.body = error.body;
        return;
      }
      const status = (error as { status?: unknown }).status;
      context.status = typeof status === 'number' ? status : 500;
      context.body = { error: error instanceof Error ? error.message : 'unknown' };
      if (context.status >= 500) logger.error({ err: error, path: context.path }, 'request failed');
    }
  };
}

function createDownloadRouter({ downloads, register }: SandboxCore): Router {
  const router = new Router();
  router.get(`${DOWNLOAD_PATH}/:token`, (context) =>
    downloads.answerLocation(context, context.params['token'] ?? ''),
  );
  // For the page's links: a browser has no API key to send.
  router.get('/sandbox/documents/:id/document.pdf', (context) =>
    downloads.show(context, register.document(context.params['id'] ?? '')),
  );
  router.get('/sandbox/documents/:id/audit-log.pdf', (context) =>
    downloads.answerAuditLog(context, register.document(context.params['id'] ?? '')),
  );
  return router;
}

function onlyApi(middleware: Middleware): Middleware {
  return async (context, next) => {
    if (context.path.startsWith('/api/v1/')) await middleware(context, next);
    else await next();
  };
}

/** The whole HTTP face: the provider's interface, the control interface and the page. */
export async function createSandboxApp(settings: AppSettings): Promise<Koa> {
  const { core, control, apiKeys, callsPerMinute, logger } = settings;
  const app = new Koa();
  app.use(answerErrors(logger));
  app.use(refuseForeignPages(settings.host));
  app.use(onlyApi(dateAnswers(() => core.now())));
  app.use(onlyApi(requireCredentials(apiKeys)));
  if (callsPerMinute !== undefined) app.use(onlyApi(limitCalls(callsPerMinute)));
  app.use(onlyApi(failOnPurpose(core.faults, core.random)));
  const routers = [
    createRestRouter(core),
    createControlRouter(control, settings),
    createDownloadRouter(core),
    await createPageRouter(),
  ];
  for (const router of routers) app.use(router.routes()).use(router.allowedMethods());
  return app;
}
