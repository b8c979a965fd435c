import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Readable } from 'node:stream';
import axios, { type AxiosInstance, type AxiosRequestConfig, type AxiosResponse } from 'axios';
import type { Logger } from 'pino';
import type { CallLimiter } from './call-limiter.js';
import { asked, retryAfterOf, transportError, type Answer, type Call } from './http-failure.js';

/** No answer in JSON is larger: a listing's page of 500 documents is about one megabyte. */
const MAX_JSON_BYTES = 32 * 1024 * 1024;

/** An answer whose body has not been read. Whoever gets it reads or destroys the body. */
export interface StreamedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Readable;
}

/** The provider's API over HTTP: one limiter, kept connections, every wait bounded. */
export interface ProviderHttp {
  /** Whatever the status, the whole answer. @throws ProviderError where there is none. */
  fetch(call: Call): Promise<Answer>;
  /** Whatever the status, the answer once its headers are there. @throws ProviderError */
  open(call: Call): Promise<StreamedAnswer>;
  /** Closes idle connections. */
  close(): void;
}

/** What `createProviderHttp` needs. */
export interface ProviderHttpOptions {
  readonly apiUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  /** For connecting and for a whole answer; for a stream, until its headers. */
  readonly timeoutMs: number;
  readonly limiter: CallLimiter;
  readonly logger?: Pick<Logger, 'debug' | 'warn'> | undefined;
}

/** Settings of every request we make: each redirect and each status is looked at by us. */
export const plainRequest = {
  maxRedirects: 0,
  validateStatus: null,
  transitional: { clarifyTimeoutError: true },
} satisfies AxiosRequestConfig;

/** A JSON answer is due within the time-out as a whole, however slowly it drips. */
function dueIn(timeoutMs: number, signal: AbortSignal | undefined): AbortSignal {
  const deadline = AbortSignal.timeout(timeoutMs);
  return signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
}

function requestOf(call: Call): AxiosRequestConfig {
  return {
    method: call.method,
    url: call.path,
    ...(call.query !== undefined && { params: call.query }),
    ...(call.body !== undefined && { data: call.body }),
    // A kept connection may be closed just as we send, and then nobody knows what was read of it.
    ...(call.once && { httpAgent: new HttpAgent(), httpsAgent: new HttpsAgent() }),
  };
}

function headersOf(response: AxiosResponse): Readonly<Record<string, unknown>> {
  return response.headers;
}

/** The HTTP side of a provider client. */
export function createProviderHttp(options: ProviderHttpOptions): ProviderHttp {
  const { apiUrl, headers, timeoutMs, limiter, logger } = options;
  const httpAgent = new HttpAgent({ keepAlive: true });
  const httpsAgent = new HttpsAgent({ keepAlive: true });
  const api: AxiosInstance = axios.create({
    ...plainRequest,
    baseURL: apiUrl,
    headers: { ...headers },
    timeout: timeoutMs,
    httpAgent,
    httpsAgent,
  });

  async function attempt<T>(call: Call, config: AxiosRequestConfig): Promise<AxiosResponse<T>> {
    try {
      return await api.request<T>({ ...requestOf(call), ...config });
    } catch (error) {
      throw transportError(call, error, timeoutMs);
    }
  }

  function observe(call: Call, response: AxiosResponse): void {
    const { status } = response;
    logger?.debug({ method: call.method, path: call.path, status }, 'provider call');
    if (status !== 429) return;
    const pauseMs = retryAfterOf({ status, headers: headersOf(response) }) ?? 0;
    limiter.pause(pauseMs);
    logger?.warn({ path: call.path, pauseMs }, 'the provider throttles us: every call waits');
  }

  function send<T>(call: Call, config: () => AxiosRequestConfig): Promise<AxiosResponse<T>> {
    const turn = async (): Promise<AxiosResponse<T>> => {
      const response = await attempt<T>(call, config());
      observe(call, response);
      return response;
    };
    return limiter.run(asked(call), turn, call.signal);
  }

  return {
    async fetch(call) {
      const response = await send<unknown>(call, () => ({
        responseType: 'text',
        maxContentLength: MAX_JSON_BYTES,
        signal: dueIn(timeoutMs, call.signal),
      }));
      const body = typeof response.data === 'string' ? response.data : '';
      return { status: response.status, headers: headersOf(response), body };
    },
    async open(call) {
      const { signal } = call;
      const response = await send<Readable>(call, () => ({
        responseType: 'stream',
        headers: { Accept: 'application/pdf, */*', 'Accept-Encoding': 'identity' },
        ...(signal !== undefined && { signal }),
      }));
      return { status: response.status, headers: headersOf(response), body: response.data };
    },
    close() {
      httpAgent.destroy();
      httpsAgent.destroy();
    },
  };
}
