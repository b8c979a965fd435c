/**
 * The worker for an application that brings its own:
 *
 * ```ts
 * const worker = await Worker.create({ connection, taskQueue, plugins: [createWorkerPlugin()] });
 * ```
 */
export { ConfigurationError } from '../configuration/settings.js';
export { readConfiguration, type WorkerConfiguration } from './configuration.js';
export { installRuntime, startWorker, type RunningWorker } from './main.js';
export { createWorkerPlugin, type WorkerPluginOptions } from './plugin.js';
