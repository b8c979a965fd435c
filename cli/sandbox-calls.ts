/** The sandbox's control interface, as far as the command line uses it. */
import type { CommandCall } from './command.js';
import { UnreachableError } from './failures.js';
import { sandboxAddress } from './installation.js';

/** Long enough for callbacks to be answered. */
const LIMIT_MS = 60_000;

/** A document as the sandbox shows it; it is nobody's, so that names may be shown. */
export interface SandboxDocument {
  readonly id: string;
  readonly name: string;
  readonly group: string;
  readonly tag: string;
  readonly status: number;
  readonly statusText?: string;
  readonly signers: readonly SandboxSigner[];
}

export interface SandboxSigner {
  readonly id: string;
  readonly firstname: string;
  readonly lastname: string;
  readonly status: number;
  readonly statusText?: string;
}

export interface SandboxState {
  readonly totals: Readonly<Record<string, number>>;
  readonly documents: readonly SandboxDocument[];
  readonly counters: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<string, unknown>>;
}

/**
 * Calls `/sandbox/<path>` of the sandbox that the call means.
 * @throws UnreachableError where none answers; Error with the sandbox's own words for a refusal
 */
export async function callSandbox<Answer>(
  { environment, signal, values }: CommandCall,
  method: 'GET' | 'POST' | 'PUT' | 'PATCH',
  path: string,
  body?: unknown,
): Promise<Answer> {
  const base = (values.text('sandbox') ?? sandboxAddress(environment)).replace(/\/+$/, '');
  const response = await fetch(`${base}/sandbox/${path}`, {
    method,
    signal: AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' } }),
  }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw new UnreachableError(
      `no sandbox answers at ${base}.\n` +
        'Start one with `countersign up` or `npm run sandbox`, or name it: --sandbox, SANDBOX_PORT.',
      { cause: error },
    );
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`the sandbox refuses (${response.status}): ${reasonOf(text)}`);
  return (text === '' ? undefined : parsed(text)) as Answer;
}

function reasonOf(text: string): string {
  const answer = parsed(text);
  const hasError = typeof answer === 'object' && answer !== null && 'error' in answer;
  return hasError ? String(answer.error) : text.slice(0, 200);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
