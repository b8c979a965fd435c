/** The provider's REST interface, as far as this project meets it. */
import Router from '@koa/router';
import type { Context } from 'koa';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { rememberTold } from './callback-telling.js';
import { hasSigned, isUnsent } from './signing-rules.js';
import { archivedMatches, documentQuerySchema, listingKey, page } from './document-listing.js';
import { statusQuerySchema, wantedBy } from './document-listing.js';
import { documentProblems, documentRequestSchema } from './document-request.js';
import { churnListing, refuseListing } from './listing-faults.js';
import type { DocumentRecord } from './records.js';
import { Refusal } from './refusal.js';
import { accepted, readJson } from './request-body.js';
import { documentDetail, documentStatus, listedDocument, resourceUri } from './resources.js';
import { signerDetail } from './resources.js';
import { ownOrigin } from './own-origin.js';
import type { SandboxCore } from './sandbox-core.js';
import { notification, subscribeSchema, unsubscribeSchema } from './subscriptions.js';

/** The body of `POST /signer/{id}/reset/`. Nobody reads the mail that `notify` asks for. */
const resetSchema = z.object({ email: z.string(), notify: z.boolean().optional() });

/** The body of `POST /signer/{id}/send-reminder/`. */
const reminderSchema = z.object({ text: z.string().default('') });

/** The provider answers what is not JSON with a 500. */
async function readApiJson(context: Context): Promise<unknown> {
  try {
    return await readJson(context.req);
  } catch (error) {
    if (error instanceof SyntaxError) throw new Refusal(500, 'The body is not JSON.');
    throw error;
  }
}

function id(context: { readonly params: Record<string, string | undefined> }): string {
  return context.params['id'] ?? '';
}

function answerWithoutBody(context: Context, status: 200 | 201): void {
  // In this order: no body alone would mean 204.
  context.body = null;
  context.status = status;
}

function signerLinks(document: DocumentRecord, origin: string): Record<string, string> {
  const links = document.signers.map(({ id: signer }, index) => [
    `signer_${index + 1}`,
    `${origin}/#signer-${signer}`,
  ]);
  return Object.fromEntries(links) as Record<string, string>;
}

function addDocuments(router: Router, core: SandboxCore): void {
  const { register, desk } = core;
  router.post('/document/', async (context) => {
    const request = documentRequestSchema.safeParse(await readApiJson(context));
    if (!request.success) {
      throw new Refusal(400, 'Bad request', documentProblems(request.error));
    }
    const document = core.open(request.data);
    context.set('Location', resourceUri('document', document.id));
    const { return_signer_links: wanted } = request.data;
    context.body = wanted ? signerLinks(document, ownOrigin(context)) : null;
    context.status = 201;
  });
  router.get('/document/', async (context) => {
    const query = accepted(documentQuerySchema, context.query);
    const { slowListingMs, pageRows, listingTotal } = core.faults.current;
    if (slowListingMs > 0) await delay(slowListingMs, undefined, { ref: false });
    refuseListing(core, query);
    const found = core.listed(listingKey(query), wantedBy(query));
    const withSigners = query.nosigners !== '1';
    const asked = {
      ...query,
      ...(pageRows > 0 && { rows: pageRows }),
      ...(listingTotal > 0 && { total: listingTotal }),
    };
    context.body = page(found, asked, context.URL, (document) =>
      listedDocument(document, withSigners),
    );
    churnListing(core, found, asked);
  });
  router.get('/document/:id/', (context) => {
    const document = register.document(id(context));
    // Who asks for a document knows it then, whatever callbacks said: a listing tells nobody.
    rememberTold(register, { askedFor: document.id });
    context.body = documentDetail(document);
  });
  router.delete('/document/:id/', (context) => {
    desk.remove(id(context));
    context.status = 204;
  });
  router.delete('/document/:id/delete/', async (context) => {
    await core.deleteDocument(id(context));
    context.status = 204;
  });
  router.get('/status/', (context) => {
    const query = accepted(statusQuerySchema, context.query);
    const asked = query.archived ?? query.filter;
    const found = core.listed(`status ${asked}`, (each) => archivedMatches(each, asked));
    context.body = page(found, query, context.URL, documentStatus);
  });
  router.get('/status/:id/', (context) => {
    context.body = documentStatus(register.document(id(context)));
  });
}

function addPdfs(router: Router, { register, downloads }: SandboxCore): void {
  router.get('/pdf/:id/', (context) => downloads.answer(context, register.document(id(context))));
  router.get('/document/:id/auditlog/', (context) =>
    downloads.answerAuditLog(context, register.document(id(context))),
  );
}

function addSigners(router: Router, { register, desk }: SandboxCore): void {
  // The provider prints both: `signer` in callbacks, `signers` in its documents.
  const path = '/signer{s}/:id/';
  router.get(path, (context) => {
    context.body = signerDetail(register.signer(id(context)).signer);
  });
  router.get(`${path}rejection/`, (context) => {
    const { signer } = register.signer(id(context));
    context.body = { status: signer.status, reason: signer.rejectionReason ?? '' };
  });
  router.post(`${path}send-reminder/`, async (context) => {
    const { signer, document } = register.signer(id(context));
    const { text } = accepted(reminderSchema, await readApiJson(context));
    const reachable = document.doEmail && signer.bounce === null && !isUnsent(signer);
    if (!reachable || hasSigned(signer)) throw new Refusal(401, 'failed to send');
    signer.reminders.push(text);
    context.body = { message: 'sent' };
  });
  router.post(`${path}reset/`, async (context) => {
    const { email } = accepted(resetSchema, await readApiJson(context));
    desk.reset(id(context), email);
    answerWithoutBody(context, 200);
  });
}

function addSubscriptions(router: Router, core: SandboxCore): void {
  router.post('/subscribe/', async (context) => {
    core.subscribe(accepted(subscribeSchema, await readApiJson(context)));
    answerWithoutBody(context, 201);
  });
  router.post('/unsubscribe/', async (context) => {
    core.unsubscribe(accepted(unsubscribeSchema, await readApiJson(context)));
    answerWithoutBody(context, 200);
  });
  router.get('/notifications/', (context) => {
    const { subscriptions } = core.register;
    context.body = [...subscriptions.values()].map((each) => notification(core.register, each));
  });
}

/** All routes under `/api/v1`. URIs end with a slash, as the provider's do. */
export function createRestRouter(core: SandboxCore): Router {
  const router = new Router({ prefix: '/api/v1', strict: true });
  addDocuments(router, core);
  addPdfs(router, core);
  addSigners(router, core);
  addSubscriptions(router, core);
  return router;
}
