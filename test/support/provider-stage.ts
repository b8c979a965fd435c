import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A real HTTP server for one test. */
export interface StageServer {
  /** `http://127.0.0.1:<port>` */
  readonly origin: string;
  close(): Promise<void>;
}

/** Serves on a free port of the loopback interface. */
export async function startStage(listener: RequestListener): Promise<StageServer> {
  const server: Server = createServer(listener);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((closed) => {
        server.close(() => {
          closed();
        });
        server.closeAllConnections();
      }),
  };
}

/** The body of a request as text. */
export async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

/** Makes a listener from routes `METHOD /path`; anything else is answered 404. */
export function routes(table: Readonly<Record<string, RequestListener>>): RequestListener {
  return (request, response) => {
    const route = table[`${request.method ?? ''} ${request.url ?? ''}`];
    if (route !== undefined) {
      route(request, response);
      return;
    }
    response.writeHead(404).end();
  };
}

/** Answers with JSON. */
export function json(
  body: unknown,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): RequestListener {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };
}

/** A fresh ID, so that no test meets another's data. */
export function freshId(): string {
  return randomUUID();
}

/** Bytes that begin like a PDF, different for every seed. */
export function pdfBytes(bytes: number, seed = ''): Buffer {
  const pdf = Buffer.alloc(bytes, `${seed}.countersign.`);
  pdf.write('%PDF-1.7\n');
  return pdf;
}
