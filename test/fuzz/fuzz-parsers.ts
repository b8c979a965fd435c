/** Every parser of what others wrote, given hostile text: it answers, or says why not. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { documentPage } from '../../provider/document-listing.js';
import { documentSnapshot } from '../../provider/document-snapshot.js';
import { notificationsOf } from '../../provider/notifications.js';
import { parseResourceUri } from '../../provider/resource-uri.js';
import { Refusal } from '../../webhook/errors.js';
import { parseForm } from '../../webhook/form.js';
import { parseJson } from '../../webhook/json.js';
import { parseBatch } from '../../webhook/parse-batch.js';
import { parseHint, parseNotice } from '../../webhook/parse-notice.js';
import { parseRealtime } from '../../webhook/parse-realtime.js';
import { ID_PATTERN } from '../../workflows/contract.js';
import { documentAnswer, notificationsAnswer, pageAnswer } from './hostile-answers.js';
import {
  batchContent,
  bytesOf,
  noticeContent,
  NOW_MS,
  realtimeContent,
} from './hostile-callbacks.js';
import { hostileJson } from './hostile-json.js';
import { MessageShape, SnapshotShape } from './inbox-shape.js';

/** One case may not keep the process from everything else for longer, in ms. */
const CASE_MAX_MS = 1000;

interface Parser {
  readonly input: fc.Arbitrary<Buffer>;
  /** Throws where the result is not what the contract says. */
  readonly check: (bytes: Buffer) => void;
}

const RECEIVED = { digest: '0'.repeat(64), receivedAt: '2031-06-01T12:00:00Z' };

function checkDelivery(content: object): void {
  const { digest, receivedAt } = RECEIVED;
  const input = { receivedAt, changes: [], setAside: [], ...content };
  MessageShape.parse({ kind: 'delivery', digest, input });
}

function checkId(documentId: string | undefined): void {
  if (documentId !== undefined) assert.match(documentId, ID_PATTERN);
}

/** The provider client reads JSON that `JSON.parse` took; everything after that is ours. */
function answered(read: (json: unknown) => void): (bytes: Buffer) => void {
  return (bytes) => {
    let json: unknown;
    try {
      json = JSON.parse(bytes.toString());
    } catch {
      return;
    }
    read(json);
  };
}

function checkRealtime(bytes: Buffer): void {
  const news = parseRealtime(bytes, NOW_MS);
  if (news.kind === 'report' || news.kind === 'notice') MessageShape.parse(news);
  if (news.kind === 'unrouted') checkDelivery({ source: 'realtime', changes: [news.change] });
  if (news.kind === 'setAside') checkDelivery({ source: 'realtime', setAside: [news.entry] });
}

const anyText = fc.oneof(hostileJson, fc.string({ unit: 'binary', maxLength: 200 }));
const formText = fc
  .array(fc.constantFrom('data', 'signed', '=', '&', '%', '%4', '%00', '+', 'é', 'json_signed'))
  .map((parts) => parts.join(''));

/** By name, in the order in which they are run. */
export const PARSERS: Readonly<Record<string, Parser>> = {
  batch: {
    input: bytesOf(batchContent),
    check: (bytes) => {
      checkDelivery({ source: 'batch', ...parseBatch(bytes, NOW_MS) });
    },
  },
  notice: {
    input: bytesOf(noticeContent),
    check: (bytes) => {
      const document = parseNotice(bytes);
      if (document) MessageShape.parse({ kind: 'notice', document });
    },
  },
  hint: {
    input: bytesOf(fc.oneof(anyText, noticeContent)),
    check: (bytes) => {
      checkId(parseHint(bytes, 'uri'));
      checkId(parseHint(bytes, 'json'));
    },
  },
  realtime: { input: bytesOf(realtimeContent), check: checkRealtime },
  json: { input: bytesOf(anyText), check: (bytes) => void parseJson(bytes) },
  form: {
    input: bytesOf(formText),
    check: (bytes) => {
      for (const { value } of parseForm(bytes, ['data', 'signed']).values()) {
        assert.ok(value.length <= bytes.length);
      }
    },
  },
  resourceUri: {
    input: bytesOf(anyText),
    check: (bytes) => {
      checkId(parseResourceUri(bytes.toString())?.id);
    },
  },
  document: {
    input: bytesOf(documentAnswer),
    check: answered((json) => {
      const snapshot = documentSnapshot(json);
      if (snapshot) SnapshotShape.parse(snapshot);
    }),
  },
  listing: {
    input: bytesOf(pageAnswer),
    check: answered((json) => {
      const page = documentPage(json, { date: '+275760-09-13', offset: 0 });
      for (const each of page?.documents ?? []) SnapshotShape.parse(each);
    }),
  },
  notifications: {
    input: bytesOf(notificationsAnswer),
    check: answered((json) => {
      for (const { notify, url } of notificationsOf(json) ?? []) {
        assert.match(notify, /^(all|signed|sent|rejected|realtime|unknown-[^]*)$/);
        assert.equal(typeof url, 'string');
      }
    }),
  },
};

/** Runs one parser over one input: a Refusal is an answer, every other error is a finding. */
export function runParser(parser: Parser, bytes: Buffer): void {
  const startedMs = performance.now();
  try {
    parser.check(bytes);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    assert.ok(error.status === 400 || error.status === 413, error.message);
  }
  const tookMs = performance.now() - startedMs;
  assert.ok(tookMs < CASE_MAX_MS, `took ${Math.round(tookMs)} ms`);
}
