import { readdir } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Logger } from 'pino';
import { recordKindOf } from './record-log.js';

/** Tells of callbacks that wait from before while the spool is switched off. Never fails. */
export async function tellOfLeftSpool(folder: string, logger: Pick<Logger, 'warn'>): Promise<void> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const files = names.filter((name) => recordKindOf(basename(name)) !== undefined).length;
  if (files === 0) return;
  const advice = 'callbacks wait here, and nobody hands them over while WEBHOOK_SPOOL is off';
  logger.warn({ folder, files }, `${advice}: start a webhook with it on`);
}
