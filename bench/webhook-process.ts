/** Countersign's webhook as a process that tells its parent where it listens, and ends with it. */
import { readConfiguration } from '../webhook/configuration.js';
import { startWebhook } from '../webhook/main.js';

process.once('disconnect', () => process.exit());
process.once('message', () => {
  void startWebhook(readConfiguration()).then((webhook) => {
    process.once('SIGTERM', () => void webhook.close().finally(() => process.exit()));
    process.send?.({ url: webhook.url });
  });
});
