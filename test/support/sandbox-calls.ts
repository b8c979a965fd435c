/** The sandbox of another process, over its control interface. */
import { call } from './sandbox-stage.js';

/** What the tests look at of a document. */
export interface SandboxDocument {
  readonly id: string;
  readonly hash: string | null;
  readonly status: number;
  readonly signers: readonly { readonly id: string; readonly status: number }[];
}

/** Creates a document. @returns its ID */
export async function createAt(sandbox: string, body: unknown = {}): Promise<string> {
  return ((await send(sandbox, 'POST', 'documents', body)) as { id: string }).id;
}

/** A document as the sandbox has it. */
export async function documentAt(sandbox: string, id: string): Promise<SandboxDocument> {
  return (await send(sandbox, 'GET', `documents/${id}`)) as SandboxDocument;
}

/** Lets everybody sign; resolves when the final PDF exists. */
export async function completeAt(sandbox: string, id: string): Promise<SandboxDocument> {
  const document = await send(sandbox, 'POST', `documents/${id}/complete`, { visit: true });
  return document as SandboxDocument;
}

async function send(
  sandbox: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<unknown> {
  const answer = await call(`${sandbox}/sandbox/${path}`, {
    ...{ method, headers: {} },
    ...(body !== undefined && { body }),
  });
  if (answer.status >= 300) throw new Error(`${path}: ${answer.status} ${answer.bytes.toString()}`);
  return answer.json;
}
