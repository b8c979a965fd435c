/** The control interface under `/sandbox`: for tests, for scripts and for the page. */
import Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import { lossesSchema, manyDocumentsSchema } from './control-requests.js';
import { badRequest } from './refusal.js';
import { accepted, readJson } from './request-body.js';
import type { SandboxControl } from './sandbox-control.js';
import type { StateView } from './state-view.js';
import { deactivateSchema } from './subscriptions.js';

const PREFIX = '/sandbox';

/** Where the certificate can be fetched. */
export const CERTIFICATE_PATH = `${PREFIX}/certificate.pem`;

const limitSchema = z.coerce.number().int().min(1).max(2000).default(100);

/** The control's own checks decide what a body may hold: they are handed what came. */
type Body = never;

async function readControlJson(context: Context): Promise<Body> {
  try {
    return (await readJson(context.req)) as Body;
  } catch (error) {
    if (error instanceof SyntaxError) throw badRequest('The body is not JSON.');
    throw error;
  }
}

function id(context: { readonly params: Record<string, string | undefined> }): string {
  return context.params['id'] ?? '';
}

function addDocuments(router: Router, control: SandboxControl): void {
  router.post('/documents', async (context) => {
    context.status = 201;
    context.body = control.createDocument(await readControlJson(context));
  });
  router.post('/documents/bulk', async (context) => {
    const asked = accepted(manyDocumentsSchema, await readControlJson(context));
    context.status = 201;
    context.body = { documents: control.createDocuments(asked.count, asked.document) };
  });
  router.get('/documents/:id', (context) => {
    context.body = control.document(id(context));
  });
  router.post('/documents/:id/complete', async (context) => {
    await control.completeDocument(id(context), await readControlJson(context));
    context.body = control.document(id(context));
  });
  router.post('/documents/:id/finalise', async (context) => {
    await control.finaliseDocument(id(context));
    context.body = control.document(id(context));
  });
  router.post('/documents/:id/remove', (context) => {
    control.removeDocument(id(context));
    context.body = control.document(id(context));
  });
  router.post('/documents/:id/mute', async (context) => {
    control.muteDocument(id(context), await readControlJson(context));
    context.body = control.document(id(context));
  });
  router.post('/documents/:id/status', async (context) => {
    control.setDocumentStatus(id(context), await readControlJson(context));
    context.body = control.document(id(context));
  });
  router.post('/documents/:id/delete', async (context) => {
    await control.deleteDocument(id(context));
    context.status = 204;
  });
}

function addSigners(router: Router, control: SandboxControl): void {
  router.post('/signers/:id/advance', async (context) => {
    control.advanceSigner(id(context), await readControlJson(context));
    context.body = control.signer(id(context));
  });
  router.post('/signers/:id/bounce', async (context) => {
    control.bounceSigner(id(context), await readControlJson(context));
    context.body = control.signer(id(context));
  });
  router.post('/signers/:id/forward', async (context) => {
    control.forwardSigner(id(context), await readControlJson(context));
    context.body = control.signer(id(context));
  });
}

function addCallbacks(router: Router, control: SandboxControl): void {
  router.post('/callbacks/flush', async (context) => {
    context.body = { callbacks: await control.flushCallbacks() };
  });
  router.get('/callbacks', (context) => {
    const limit = accepted(limitSchema, context.query['limit']);
    context.body = { counters: control.callbackCounters(), callbacks: control.callbacks(limit) };
  });
  router.get('/callbacks/:id', (context) => {
    context.body = control.callback(id(context));
  });
  router.post('/callbacks/:id/resend', async (context) => {
    context.body = await control.resendCallback(id(context));
  });
}

function addSubscriptions(router: Router, control: SandboxControl): void {
  router.post('/subscriptions', async (context) => {
    context.status = 201;
    context.body = control.injectSubscription(await readControlJson(context));
  });
  router.post('/subscriptions/deactivate', async (context) => {
    const { url, notify } = accepted(deactivateSchema, await readControlJson(context));
    control.deactivateSubscription(url, notify);
    context.status = 204;
  });
}

function addFaults(router: Router, control: SandboxControl): void {
  router.get('/faults', (context) => {
    context.body = control.faults();
  });
  router.patch('/faults', async (context) => {
    context.body = control.changeFaults(await readControlJson(context));
  });
  router.put('/faults', async (context) => {
    context.body = control.replaceFaults(await readControlJson(context));
  });
}

/** What the page is told beside the state. */
export interface ControlExtras {
  readonly certificatePem: string;
  readonly workflowUrl: ((documentId: string) => string) | undefined;
}

function workflowUrls({ documents }: StateView, { workflowUrl }: ControlExtras): unknown {
  if (!workflowUrl) return {};
  const links = documents.map(({ id: each }) => [each, workflowUrl(each)] as const);
  return Object.fromEntries(links);
}

function addState(router: Router, control: SandboxControl, extras: ControlExtras): void {
  router.get('/state', (context) => {
    const state = control.state();
    // Nothing new since the revision that the page has.
    if (context.query['revision'] === String(state.revision)) context.status = 204;
    else context.body = { ...state, workflowUrls: workflowUrls(state, extras) };
  });
  router.get(CERTIFICATE_PATH.slice(PREFIX.length), (context) => {
    context.type = 'application/x-pem-file';
    context.body = extras.certificatePem;
  });
  router.get('/losses', (context) => {
    context.body = control.losses(accepted(lossesSchema, { ...context.query }));
  });
  router.post('/idle', async (context) => {
    await control.idle();
    context.body = { counters: control.callbackCounters() };
  });
}

/** All routes under `/sandbox`. No credentials: the sandbox holds nothing that is worth any. */
export function createControlRouter(control: SandboxControl, extras: ControlExtras): Router {
  const router = new Router({ prefix: PREFIX });
  addDocuments(router, control);
  addSigners(router, control);
  addCallbacks(router, control);
  addSubscriptions(router, control);
  addFaults(router, control);
  addState(router, control, extras);
  return router;
}
