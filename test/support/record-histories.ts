/**
 * `npm run record-histories [-- <name> …]`: lets workflows go each way they can, on the real
 * server, and writes each history to test/histories/<name>.json, where the replay test reads it.
 * Run it after a change that adds a way, with the new way's name: the old ones must replay too.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import type { History } from '@temporalio/common/lib/proto-utils.js';
import { historiesOf } from '../../bench/run-histories.js';
import { openReceiver, type Receiver } from './receiver.js';
import { chasedDocuments } from './recorded-chased-documents.js';
import { deliveries } from './recorded-deliveries.js';
import { documents } from './recorded-documents.js';
import { failingDocuments } from './recorded-failing-documents.js';
import { lastingDocuments } from './recorded-lasting-documents.js';
import { reconciliations } from './recorded-reconciliations.js';
import type { Scenario, Scenarios } from './recording.js';
import { openStage, type StageOptions } from './stage.js';

const FOLDER = new URL('../histories/', import.meta.url);
/** Stack traces name it; whoever reads a history has another. */
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const scenarios: Scenarios = {
  ...documents,
  ...chasedDocuments,
  ...lastingDocuments,
  ...failingDocuments,
  ...deliveries,
  ...reconciliations,
};

/** The runs of what a scenario names. */
async function record(scenario: Scenario): Promise<readonly History[]> {
  const receiver = await openReceiver();
  // A stage each: the newest delivery is then the scenario's own.
  const stage = await openStage(stageOptions(scenario, receiver));
  try {
    return await historiesOf(stage.client, await scenario.run(stage, receiver));
  } finally {
    await stage.close();
    await receiver.close();
  }
}

function stageOptions(scenario: Scenario, { url, secret }: Receiver): StageOptions {
  const { environment, sandbox = {}, subscribes = true, hasReceiver, eventsPerRun } = scenario;
  return {
    subscribes,
    sandbox,
    environment: {
      ...(hasReceiver && {
        NOTIFY_WEBHOOK_URL: url,
        NOTIFY_WEBHOOK_SECRETS: secret,
        NOTIFY_LOG_EVENTS: '*',
      }),
      ...environment,
    },
    ...(eventsPerRun !== undefined && {
      dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': eventsPerRun },
    }),
  };
}

async function write(name: string, history: History): Promise<void> {
  const json = historyToJSON(history).replaceAll(ROOT, '/app/');
  await writeFile(new URL(`${name}.json`, FOLDER), `${json}\n`);
  process.stdout.write(`${name}: ${history.events?.length ?? 0} events\n`);
}

const { positionals } = parseArgs({ allowPositionals: true });
const strange = positionals.filter((name) => !(name in scenarios));
if (strange.length > 0) throw new Error(`no scenario is called ${strange.join(', ')}`);
await mkdir(FOLDER, { recursive: true });
for (const [name, scenario] of Object.entries(scenarios)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  const runs = await record(scenario);
  if (scenario.eventsPerRun !== undefined && runs.length < 2) {
    throw new Error(`${name} was to continue as new: other events than it reckons with`);
  }
  for (const [index, run] of runs.entries()) {
    await write(runs.length === 1 ? name : `${name}-run-${index + 1}`, run);
  }
}
