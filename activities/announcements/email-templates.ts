import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ANNOUNCED_EVENTS, OPERATIONS_EVENTS } from '../../workflows/contract.js';

/** A file per part: `<event>.<part>`, or `default.<part>` for events without one of their own. */
export const TEMPLATE_PARTS = ['subject.txt', 'txt', 'html'] as const;
/** One of them. */
export type TemplatePart = (typeof TEMPLATE_PARTS)[number];

/** Files by name, as far as a folder has them. */
export type EmailTemplates = ReadonlyMap<string, string>;

/** Known of every event. `facts` are all that is known: lines in text, a table in HTML. */
const COMMON_PLACEHOLDERS = [
  'event',
  'headline',
  'explanation',
  'subject',
  'facts',
  'key',
  'occurredAt',
  'reason',
] as const;

/** Known of events of a document; empty where this one has none. */
export const DOCUMENT_PLACEHOLDERS = [
  'documentId',
  'status',
  'group',
  'tag',
  'rejectedBy',
  'rejectionReason',
  'archivedAt',
  'sha256',
] as const;

/** Every name that may stand between `{{` and `}}`. */
export const TEMPLATE_PLACEHOLDERS = [...COMMON_PLACEHOLDERS, ...DOCUMENT_PLACEHOLDERS] as const;
/** One of them. */
export type Placeholder = (typeof TEMPLATE_PLACEHOLDERS)[number];

/** What is replaced: a name in double braces. */
export const PLACEHOLDER = /\{\{([^{}]*)\}\}/g;

/** More is no mail that anybody would want. */
const MAX_TEMPLATE_BYTES = 256 * 1024;

/**
 * Reads a folder of templates; files that begin with a dot are left alone.
 * @returns the templates, and every problem of every file, one line each
 */
export function readEmailTemplates(folder: string): {
  readonly templates: EmailTemplates;
  readonly problems: readonly string[];
} {
  const templates = new Map<string, string>();
  const problems: string[] = [];
  for (const file of filesOf(folder, problems)) {
    const text = readTemplate(join(folder, file), problems);
    if (text === undefined) continue;
    problems.push(...problemsOf(file, text).map((problem) => `${join(folder, file)}: ${problem}`));
    templates.set(file, text);
  }
  return { templates, problems };
}

function filesOf(folder: string, problems: string[]): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((file) => !file.startsWith('.'))
      .sort();
  } catch (error) {
    problems.push(`${folder} cannot be read (${String((error as NodeJS.ErrnoException).code)})`);
    return [];
  }
}

function readTemplate(path: string, problems: string[]): string | undefined {
  try {
    const bytes = readFileSync(path);
    if (bytes.length > MAX_TEMPLATE_BYTES) problems.push(`${path} is larger than 256 KiB`);
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    const { code = 'no UTF-8' } = error as NodeJS.ErrnoException;
    problems.push(`${path} cannot be read (${code})`);
    return undefined;
  }
}

function problemsOf(file: string, text: string): readonly string[] {
  const part = TEMPLATE_PARTS.find((each) => file.endsWith(`.${each}`));
  const event = file.slice(0, -(part?.length ?? 0) - 1);
  const isNamed = event === 'default' || ANNOUNCED_EVENTS.some((known) => known === event);
  if (part === undefined || !isNamed) {
    const parts = TEMPLATE_PARTS.join(', .');
    return [`not the name of a template: an event, or default, and one of .${parts}`];
  }
  if (text.trim() === '') return ['is empty'];
  return text.split('\n').flatMap((line, index) => {
    return lineProblems(line, placeholdersOf(event)).map((what) => `line ${index + 1}: ${what}`);
  });
}

function placeholdersOf(event: string): readonly string[] {
  const isOperations = OPERATIONS_EVENTS.some((known) => known === event);
  return isOperations ? COMMON_PLACEHOLDERS : TEMPLATE_PLACEHOLDERS;
}

function lineProblems(line: string, known: readonly string[]): readonly string[] {
  const names = [...line.matchAll(PLACEHOLDER)].map(([, name = '']) => name.trim());
  const unknown = names.filter((name) => !known.includes(name));
  const problems = unknown.map(
    (name) => `no placeholder {{${name}}} here; there are ${known.join(', ')}`,
  );
  const isBroken = /\{\{|\}\}/.test(line.replace(PLACEHOLDER, ''));
  return isBroken ? [...problems, 'a placeholder is not closed, or not begun'] : problems;
}
