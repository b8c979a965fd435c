import { readdir } from 'node:fs/promises';
import { basename } from 'node:path';
import axios from 'axios';
import { z } from 'zod';
import { maskedUrl } from '../../provider/subscription-plan.js';
import type { WebhookConfiguration } from '../../webhook/configuration.js';
import { recordKindOf } from '../../webhook/spool/record-log.js';
import { oneLine, ok, problem, skipped, warning, type Check, type Verdict } from './check.js';

type Trust = Pick<WebhookConfiguration['trust'], 'tokens' | 'requiresToken'>;

/** Where the webhook listens. */
export interface WebhookTarget {
  readonly host: string;
  readonly port: number;
}

/** What `/health/ready` tells. */
const healthShape = z.object({
  status: z.string(),
  reason: z.string().optional(),
  spool: z
    .object({
      entries: z.number(),
      failedEntries: z.number(),
      // A webhook from before does not tell.
      strandedEntries: z.number().default(0),
      oldestSeconds: z.number(),
    })
    .optional(),
});
type Health = z.infer<typeof healthShape>;

const START_WEBHOOK = 'Start it (npm run start:webhook), or set WEBHOOK_HOST and WEBHOOK_PORT.';

/** A webhook that listens everywhere listens here too. */
export function healthUrl({ host, port }: WebhookTarget): string {
  const near = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host;
  return `http://${near.includes(':') ? `[${near}]` : near}:${port}/health/ready`;
}

async function readHealth(target: WebhookTarget, signal: AbortSignal): Promise<Health> {
  const { data } = await axios.get<unknown>(healthUrl(target), {
    signal,
    proxy: false,
    validateStatus: null,
  });
  return healthShape.parse(data);
}

/** Whether the webhook runs and can make callbacks durable. */
export function webhookCheck(target: WebhookTarget): Check {
  return {
    name: 'webhook',
    run: async (signal) => {
      if (target.port === 0) return skipped('WEBHOOK_PORT=0: it takes any port');
      const url = healthUrl(target);
      try {
        const { status, reason } = await readHealth(target, signal);
        if (status !== 'ready') {
          return problem(`${url}: ${reason ?? status}`, 'See its log, and the Temporal server.');
        }
        return reason === undefined
          ? ok(`${url} is ready`)
          : warning(`${url} is ready, but: ${reason}`, 'Callbacks wait in its spool meanwhile.');
      } catch (error) {
        return error instanceof z.ZodError
          ? problem(`${url} is answered by something else`, START_WEBHOOK)
          : problem(`nothing answers at ${url} (${oneLine(error)})`, START_WEBHOOK);
      }
    },
  };
}

/** Whether the public address leads to a webhook of ours; from here, not from the provider. */
export function publicUrlCheck(callbackUrl: string | undefined, trust: Trust | undefined): Check {
  return {
    name: 'public URL',
    run: async (signal) => {
      if (callbackUrl === undefined) return skipped('WEBHOOK_PUBLIC_URL is not set');
      const url = maskedUrl(callbackUrl);
      const refused = trust && tokenProblem(callbackUrl, trust);
      if (refused !== undefined) {
        const todo =
          'Put a token of WEBHOOK_TOKENS into WEBHOOK_PUBLIC_URL; then countersign reconcile.';
        return problem(`${url} ${refused}: callbacks there are answered 401`, todo);
      }
      try {
        const { status } = await axios.get<unknown>(callbackUrl, {
          signal,
          maxRedirects: 0,
          validateStatus: null,
        });
        // The webhook takes POST alone there.
        if (status === 405) return ok(`${url} leads to the webhook, seen from here`);
        return problem(`${url} is answered ${status}`, 'Lead it to the webhook, path unchanged.');
      } catch (error) {
        return warning(
          `${url} cannot be reached from here (${oneLine(error)})`,
          'See DNS, TLS and the proxy; from inside a network it may be normal.',
        );
      }
    },
  };
}

/** What is wrong with the token in a public address, where its path is the webhook's own. Pure. */
export function tokenProblem(
  callbackUrl: string,
  { tokens, requiresToken = false }: Trust,
): string | undefined {
  const path = /\/callbacks\/legalesign(?:\/([^/]+))?\/?$/.exec(new URL(callbackUrl).pathname);
  if (path === null || tokens.length === 0) return undefined;
  const [, token] = path;
  if (token === undefined) {
    return requiresToken ? 'has no token, and WEBHOOK_TOKEN_REQUIRED is on' : undefined;
  }
  return tokens.includes(token) ? undefined : 'ends in a token that is none of WEBHOOK_TOKENS';
}

/** Whether callbacks wait in the spool. */
export function spoolCheck(target: WebhookTarget, folder: string | undefined): Check {
  return {
    name: 'outage spool',
    run: async (signal) => {
      if (folder === undefined) return skipped('WEBHOOK_SPOOL=off');
      const health = await readHealth(target, signal).catch(() => undefined);
      if (health?.spool) return runningSpoolVerdict(health.spool);
      const files = await countFiles(folder);
      if (files === 0) return ok(`no webhook runs, and nothing waits in ${folder}`);
      return problem(
        `${files} files with callbacks wait in ${folder}, and no webhook runs`,
        'Start the webhook: it hands them over.',
      );
    },
  };
}

/** Pure. */
export function runningSpoolVerdict(spool: NonNullable<Health['spool']>): Verdict {
  const { entries, failedEntries, strandedEntries, oldestSeconds } = spool;
  if (failedEntries > 0) {
    return problem(
      `${failedEntries} callbacks were set apart: Temporal refused them one by one`,
      "The webhook's log says why; it tries them again every ten minutes.",
    );
  }
  if (strandedEntries > 0) {
    return problem(
      `${strandedEntries} callbacks that another webhook left cannot be taken over`,
      "The webhook's log says why: its disk may be full, or not writable. Give it room.",
    );
  }
  if (entries === 0) return ok('empty');
  return warning(
    `${entries} callbacks wait, the first for ${Math.round(oldestSeconds)} s`,
    'They are handed over as soon as Temporal takes them.',
  );
}

/** Records of processes that ended; keys and marks do not count. */
async function countFiles(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  });
  return names.filter((name) => recordKindOf(basename(name)) !== undefined).length;
}
