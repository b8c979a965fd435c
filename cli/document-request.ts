/** The body of a document out of a file and options. Pure. */
import type { DocumentRequest } from '../client/index.js';
import { UsageError } from './failures.js';
import type { OptionValues } from './option-values.js';

type Signer = DocumentRequest['signers'][number];

/**
 * Options stand above what the file says.
 * @throws UsageError with everything that is missing or wrong
 */
export function documentRequest(file: unknown, values: OptionValues): DocumentRequest {
  if (typeof file !== 'object' || file === null || Array.isArray(file)) {
    throw new UsageError('the JSON of a document is an object: {"name": …, "signers": […], …}');
  }
  const signers = values.texts('signer').map(signerOf);
  const template = values.text('template');
  const told: Readonly<Record<string, unknown>> = {
    // Without it the provider writes to nobody.
    do_email: true,
    ...file,
    ...textsOf(values, ['name', 'group', 'tag', 'text']),
    ...(template === undefined ? {} : { templatepdf: templateUri(template) }),
    ...(signers.length === 0 ? {} : { signers }),
  };
  const { name, group, signers: people } = told;
  const missing = [
    ...(typeof name === 'string' && name !== '' ? [] : ['--name']),
    ...(typeof group === 'string' && group !== '' ? [] : ['--group']),
    ...(Array.isArray(people) && people.length > 0 ? [] : ["--signer 'First Last <mail>'"]),
    ...(['templatepdf', 'template', 'text'].some((field) => told[field])
      ? []
      : ['--template or --text']),
  ];
  if (missing.length > 0) {
    throw new UsageError(`a document needs ${missing.join(', ')}, as an option or in the file`);
  }
  // Checked right above; what else it holds is the provider's to judge.
  return told as unknown as DocumentRequest;
}

function textsOf(values: OptionValues, names: readonly string[]): Record<string, string> {
  const given = names.map((name) => [name, values.text(name)] as const);
  return Object.fromEntries(
    given.filter((each): each is [string, string] => each[1] !== undefined),
  );
}

function templateUri(template: string): string {
  return template.includes('/') ? template : `/api/v1/templatepdf/${template}/`;
}

const SIGNER = /^\s*(\S.*?)\s+(\S+)\s*<\s*([^\s<>@]+@[^\s<>@]+)\s*>\s*$/;

/** @throws UsageError for what is not `First Last <mail>` */
export function signerOf(text: string): Signer {
  const [, firstname, lastname, email] = SIGNER.exec(text) ?? [];
  if (firstname === undefined || lastname === undefined || email === undefined) {
    throw new UsageError(`--signer is not as 'Ada Lovelace <ada@example.com>': ${text}`);
  }
  return { firstname, lastname, email };
}
