/**
 * The webhook for an application that brings its own server:
 *
 * ```ts
 * const webhook = await openWebhook();
 * app.use(webhook.middleware); // before any body parser
 * ```
 */
export { ConfigurationError } from '../configuration/settings.js';
export { CALLBACK_PATH } from './app.js';
export { readConfiguration, type WebhookConfiguration } from './configuration.js';
export type { Readiness } from './health.js';
export { startWebhook, type RunningWebhook } from './main.js';
export { openWebhook, type OpenWebhook, type WebhookSurroundings } from './open-webhook.js';
