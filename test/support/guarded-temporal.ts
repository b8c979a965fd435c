/** A door before a Temporal server: hands calls on, but for those that it refuses. */
import { once } from 'node:events';
import { connect, constants, createServer } from 'node:http2';
import type { ClientHttp2Session, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';

/** As Temporal does where a key lacks a right. */
const REFUSED = { 'grpc-status': '7', 'grpc-message': 'Request unauthorized.' };

/** What each connection sets up for itself. */
const HOP_HEADERS = [':status', 'connection', 'date', 'keep-alive', 'transfer-encoding'];

/**
 * Told of a call before it is handed on, or before its answer is (not: a refusal); the call waits
 * meanwhile, and is not handed on where the watcher says false.
 */
export type CallWatcher = (method: string, phase: 'asked' | 'answered') => Promise<boolean>;

export interface GuardedTemporal {
  /** `host:port` for clients. */
  readonly address: string;
  /** Names of the methods refused from now on, such as `CreateSchedule`. */
  refuse(...methods: readonly string[]): void;
  /** Who is told of every call from now on. */
  watch(watcher: CallWatcher): void;
  /** How often each method was refused so far. */
  readonly refused: ReadonlyMap<string, number>;
  close(): Promise<void>;
}

/** Speaks gRPC on a free port; behind it is the server at `address`. */
export async function openGuardedTemporal(address: string): Promise<GuardedTemporal> {
  const forbidden = new Set<string>();
  const refused = new Map<string, number>();
  let watcher: CallWatcher = () => Promise.resolve(true);
  let behind = connect(`http://${address}`);
  /** The server ends connections that have grown old. */
  const server = (): ClientHttp2Session => {
    if (behind.closed || behind.destroyed) behind = connect(`http://${address}`);
    return behind;
  };
  const sessions = new Set<{ destroy(): void }>();
  const door = createServer();
  door.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
  });
  door.on('stream', (stream, headers) => {
    // A client that goes away is none of the door's business.
    stream.on('error', () => undefined);
    const method = String(headers[':path']).split('/').at(-1) ?? '';
    if (!forbidden.has(method)) {
      void watcher(method, 'asked').then((isHandedOn) => {
        if (!isHandedOn || stream.destroyed) return;
        handOn(server(), stream, headers, () => watcher(method, 'answered'));
      });
      return;
    }
    refused.set(method, (refused.get(method) ?? 0) + 1);
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc', ...REFUSED },
      { endStream: true },
    );
  });
  door.listen(0, '127.0.0.1');
  await once(door, 'listening');
  return {
    address: `127.0.0.1:${(door.address() as AddressInfo).port}`,
    refused,
    refuse: (...methods) => {
      forbidden.clear();
      for (const method of methods) forbidden.add(method);
    },
    watch: (told) => {
      watcher = told;
    },
    close: async () => {
      for (const session of sessions) session.destroy();
      behind.destroy();
      door.close();
      await once(door, 'close');
    },
  };
}

/** Bytes both ways, and the trailers in which gRPC says how a call went. */
function handOn(
  behind: ClientHttp2Session,
  stream: ServerHttp2Stream,
  { [constants.HTTP2_HEADER_AUTHORITY]: _door, ...headers }: IncomingHttpHeaders,
  beforeEnd: () => Promise<unknown>,
): void {
  const call = behind.request(headers);
  let trailers: IncomingHttpHeaders = {};
  call.on('error', () => {
    stream.destroy();
  });
  call.on('trailers', (told: IncomingHttpHeaders) => {
    trailers = told;
  });
  stream.on('aborted', () => {
    call.close(constants.NGHTTP2_CANCEL);
  });
  stream.on('wantTrailers', () => {
    void beforeEnd().then(() => {
      if (!stream.destroyed) stream.sendTrailers(withoutHop(trailers));
    });
  });
  call.on('response', (answered, flags) => {
    // Trailers alone: nothing follows.
    const endStream = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    if (stream.destroyed) return;
    stream.respond(
      { ...withoutHop(answered), ':status': 200 },
      { endStream, waitForTrailers: !endStream },
    );
    if (!endStream) call.pipe(stream);
  });
  stream.pipe(call);
}

function withoutHop(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !HOP_HEADERS.includes(name)),
  );
}
