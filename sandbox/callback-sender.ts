import { randomUUID } from 'node:crypto';
import http, { type ClientRequest } from 'node:http';
import https from 'node:https';
import axios, { isAxiosError, type AxiosInstance, type AxiosResponse } from 'axios';
import PQueue from 'p-queue';
import { isAccepted, type CallbackLog, type CallbackRecord } from './callback-log.js';
import type { SignedRequest } from './callback-signing.js';
import type { Telling } from './callback-telling.js';
import type { NotifyKind } from './records.js';

/** A callback to be posted. */
export interface OutgoingCallback {
  readonly kind: NotifyKind;
  readonly url: string;
  readonly about: string;
  readonly request: SignedRequest;
  /** What whoever takes it knows then. */
  readonly tells: Telling;
  readonly forged?: boolean;
  readonly repeats?: string | null;
}

/** More than a small receiver needs, few enough not to flood it. */
const CONCURRENCY = 8;
const TIMEOUT_MS = 10_000;
const LINE_LENGTH = 200;

function firstLine(body: unknown): string {
  const text = typeof body === 'string' ? body.trimStart() : '';
  return (text.split('\n', 1)[0] ?? '').slice(0, LINE_LENGTH);
}

function errorText(error: unknown): string {
  if (isAxiosError(error)) return error.code ?? error.message;
  return error instanceof Error ? error.message : String(error);
}

function wasClosedMeanwhile(error: unknown): boolean {
  if (!isAxiosError(error) || !['ECONNRESET', 'EPIPE'].includes(error.code ?? '')) return false;
  return (error.request as ClientRequest | undefined)?.reusedSocket === true;
}

function newRecord(callback: OutgoingCallback, state: 'waiting' | 'dropped'): CallbackRecord {
  return {
    id: randomUUID(),
    kind: callback.kind,
    url: callback.url,
    about: callback.about,
    at: Date.now(),
    sizeBytes: callback.request.body.length,
    forged: callback.forged ?? false,
    repeats: callback.repeats ?? null,
    state,
    answer: null,
    error: null,
    durationMs: null,
  };
}

/** Posts callbacks, a few at a time over kept connections, and logs what was answered. */
export class CallbackSender {
  readonly #log: CallbackLog;
  readonly #taken: (telling: Telling) => void;
  readonly #queue = new PQueue({ concurrency: CONCURRENCY });
  readonly #abort = new AbortController();
  readonly #agents = [
    new http.Agent({ keepAlive: true, maxSockets: CONCURRENCY }),
    new https.Agent({ keepAlive: true, maxSockets: CONCURRENCY }),
  ] as const;
  readonly #client: AxiosInstance;

  /** @param taken hears what a genuine callback told when it is answered 2xx */
  constructor(log: CallbackLog, taken: (telling: Telling) => void) {
    this.#log = log;
    this.#taken = taken;
    this.#client = axios.create({
      httpAgent: this.#agents[0],
      httpsAgent: this.#agents[1],
      timeout: TIMEOUT_MS,
      signal: this.#abort.signal,
      // Receivers are reached directly, and redirects are their mistake.
      proxy: false,
      maxRedirects: 0,
      maxBodyLength: Infinity,
      maxContentLength: 1024 * 1024,
      responseType: 'text',
      transformResponse: (body: unknown) => body,
      validateStatus: () => true,
    });
  }

  /** Posts it when its turn comes; resolves when it is answered or has failed. Never rejects. */
  async post(callback: OutgoingCallback): Promise<CallbackRecord> {
    return this.#queue.add(() => this.#send(callback));
  }

  /** Logs a callback that a fault keeps from being sent. */
  drop(callback: OutgoingCallback): CallbackRecord {
    const record = newRecord(callback, 'dropped');
    record.error = 'dropped by a fault';
    this.#log.begin(record, callback);
    return record;
  }

  /** Waits at most so long for what is under way, then cuts it off. */
  async close(graceMs: number): Promise<void> {
    // What waits for its turn then fails at once, and is logged as such.
    const cut = setTimeout(() => {
      this.#abort.abort();
    }, graceMs);
    await this.#queue.onIdle();
    clearTimeout(cut);
    for (const agent of this.#agents) agent.destroy();
  }

  async #send(callback: OutgoingCallback): Promise<CallbackRecord> {
    const record = newRecord(callback, 'waiting');
    this.#log.begin(record, callback);
    try {
      const response = await this.#deliver(callback);
      record.answer = { status: response.status, line: firstLine(response.data) };
      record.state = 'answered';
    } catch (error) {
      record.error = errorText(error);
      record.state = 'failed';
    }
    record.durationMs = Date.now() - record.at;
    this.#log.end(record);
    if (isAccepted(record) && !record.forged) this.#taken(callback.tells);
    return record;
  }

  /** A kept connection that the receiver has closed meanwhile is nobody's failure: on another. */
  async #deliver(callback: OutgoingCallback): Promise<AxiosResponse<unknown>> {
    const { body, headers } = callback.request;
    try {
      return await this.#client.post<unknown>(callback.url, body, { headers });
    } catch (error) {
      if (!wasClosedMeanwhile(error)) throw error;
      return this.#deliver(callback);
    }
  }
}
