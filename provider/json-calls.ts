import { ID_PATTERN } from '../workflows/contract.js';
import { unexpectedAnswer, unreadableAnswer, type Answer, type Call } from './http-failure.js';
import { ProviderError } from './provider-error.js';
import type { ProviderHttp } from './provider-http.js';

/** Calls with JSON answers: the status judged, the body parsed. */
export interface JsonCalls {
  /** The answer to a call that either succeeds (2xx) or throws ProviderError. */
  succeed(call: Call): Promise<Answer>;
  /** What `read` makes of the JSON; undefined on 404. @throws ProviderError `unreadable` */
  get<T>(
    path: string,
    signal: AbortSignal | undefined,
    read: (json: unknown) => T | undefined,
  ): Promise<T | undefined>;
  /** Like `get`, for a call with a query; `read` sees the headers too. */
  getWith<T>(
    call: Pick<Call, 'path' | 'query' | 'signal'>,
    read: (json: unknown, headers: Answer['headers']) => T | undefined,
  ): Promise<T | undefined>;
}

function parsedJson(call: Call, answer: Answer): unknown {
  try {
    return JSON.parse(answer.body) as unknown;
  } catch {
    throw unreadableAnswer(call, answer.status, 'but not with JSON');
  }
}

/** Calls with JSON answers over the given HTTP side; the secrets are kept out of errors. */
export function createJsonCalls(
  http: Pick<ProviderHttp, 'fetch'>,
  secrets: readonly string[],
): JsonCalls {
  return {
    async succeed(call) {
      const answer = await http.fetch(call);
      if (answer.status >= 200 && answer.status < 300) return answer;
      throw unexpectedAnswer(call, answer, secrets);
    },
    get(path, signal, read) {
      return this.getWith({ path, signal }, read);
    },
    async getWith(asking, read) {
      const call: Call = { method: 'GET', ...asking };
      const answer = await http.fetch(call);
      if (answer.status === 404 || answer.status === 410) return undefined;
      if (answer.status !== 200) throw unexpectedAnswer(call, answer, secrets);
      const result = read(parsedJson(call, answer), answer.headers);
      if (result === undefined)
        throw unreadableAnswer(call, 200, 'with JSON that tells too little');
      return result;
    },
  };
}

/**
 * The path of a resource.
 * @throws ProviderError `refused` where the ID is none: it must not reach another path
 */
export function pathTo(kind: 'document' | 'signer' | 'pdf', id: string, rest = ''): string {
  if (ID_PATTERN.test(id)) return `/${kind}/${id}/${rest}`;
  const asked = `GET /${kind}/${JSON.stringify(id.slice(0, 64))}/`;
  throw new ProviderError({ kind: 'refused', asked, came: 'was not sent: that is no ID' });
}
