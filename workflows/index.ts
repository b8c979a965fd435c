/** The registry: each function exported here is a Workflow Type, and nothing else is. */
export { callbackDelivery } from './callback-delivery.js';
export { documentSigning } from './document-signing.js';
export { reconciliation } from './reconciliation.js';
export { reconciliationWatch } from './reconciliation-watch.js';
