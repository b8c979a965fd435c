import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { createHttpChannel } from '../activities/announcements/http-channel.js';
import { TEMPLATE_PLACEHOLDERS } from '../activities/announcements/email-templates.js';
import { ANNOUNCED_EVENTS } from '../workflows/contract.js';
import { ANNOUNCEMENT_EXAMPLES } from './support/announcement-examples.js';
import { bodyOf, startStage } from './support/provider-stage.js';

interface Delivery {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const SECRET = `whsec_${Buffer.from('the secret of the guide').toString('base64')}`;
const OTHER = `whsec_${Buffer.from('another secret altogether').toString('base64')}`;

let guide: string;
let folder: string;
const deliveries: Delivery[] = [];

before(async () => {
  guide = await readFile(new URL('../docs/announcements.md', import.meta.url), 'utf8');
  folder = await mkdtemp(join(tmpdir(), 'countersign-guide-'));
  const stage = await startStage((request, response) => {
    void bodyOf(request).then((body) => {
      deliveries.push({ headers: request.headers, body });
      response.end();
    });
  });
  const channel = createHttpChannel({ url: stage.origin, secrets: [OTHER, SECRET] });
  const { signal } = new AbortController();
  for (const example of ANNOUNCEMENT_EXAMPLES) await channel.announce(example, { signal });
  channel.close?.();
  await stage.close();
});

after(() => rm(folder, { recursive: true }));

function blocksOf(language: string): readonly string[] {
  const blocks = guide.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'));
  return [...blocks].map(([, code = '']) => code);
}

test('the guide shows the body of every event as it is sent', () => {
  const events = ANNOUNCEMENT_EXAMPLES.map(({ event }) => event);
  assert.deepEqual(events, [...ANNOUNCED_EVENTS]);
  const shown = blocksOf('json').map((block) => JSON.parse(block) as unknown);
  const sent = deliveries.map(({ body }) => JSON.parse(body) as unknown);
  assert.deepEqual(shown, sent);
});

test('the guide’s tables name every event and every placeholder', () => {
  for (const event of ANNOUNCED_EVENTS) assert.ok(guide.includes(`\n| \`${event}\` |`), event);
  for (const name of TEMPLATE_PLACEHOLDERS) assert.ok(guide.includes(`\`{{${name}}}\``), name);
});

/** Runs the guide's `verify` on a delivery; the promise is rejected where it throws. */
async function runVerify(language: 'js' | 'python', given: unknown): Promise<unknown> {
  const [code = assert.fail(`no ${language}`)] = blocksOf(language);
  const input = join(folder, 'delivery.json');
  await writeFile(input, JSON.stringify(given));
  const { file, program, harness } =
    language === 'js'
      ? {
          file: 'verify.mjs',
          program: process.execPath,
          harness:
            `import { readFileSync } from 'node:fs';\n` +
            `const d = JSON.parse(readFileSync(process.argv[2], 'utf8'));\n` +
            `console.log(JSON.stringify(verify(Buffer.from(d.body), d.headers, d.secret)));`,
        }
      : {
          file: 'verify.py',
          program: 'python3',
          harness:
            `import sys\nd = json.load(open(sys.argv[1], encoding="utf-8"))\n` +
            `print(json.dumps(verify(d["body"].encode(), d["headers"], d["secret"])))`,
        };
  await writeFile(join(folder, file), `${code}\n${harness}\n`);
  const { stdout } = await promisify(execFile)(program, [join(folder, file), input]);
  return JSON.parse(stdout) as unknown;
}

for (const language of ['js', 'python'] as const) {
  test(`the guide’s ${language} takes what is sent, and nothing that was bent`, async () => {
    const [delivery = assert.fail('nothing sent')] = deliveries;
    const { headers, body } = delivery;
    const genuine = { headers, body, secret: SECRET };
    assert.deepEqual(await runVerify(language, genuine), JSON.parse(body));
    for (const [bent, why] of [
      [{ ...genuine, body: body.replace('lease-12', 'lease-13') }, /not signed/],
      [{ ...genuine, secret: `whsec_${Buffer.from('x').toString('base64')}` }, /not signed/],
      [{ ...genuine, headers: { ...headers, 'webhook-id': 'another' } }, /not signed/],
      [{ ...genuine, headers: { ...headers, 'webhook-timestamp': '1700000000' } }, /too old/],
    ] as const) {
      await assert.rejects(runVerify(language, bent), why);
    }
  });
}
