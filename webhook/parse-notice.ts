/** The `signed`, `sent` and `rejected` callbacks: they say of which document, no more. Pure. */
import { z } from 'zod';
import { MalformedError } from './errors.js';
import { decodeUtf8, parseJson } from './json.js';
import { parseResourceUri } from '../provider/resource-uri.js';
import { readLabels, type NamedDocument } from './named-document.js';

const text = z.string().optional().catch(undefined);
const Content = z.object({ resource_uri: z.string(), group: text, tag: text });

/**
 * `json_signed` to the document it names; undefined where it speaks of another kind of resource.
 * @throws MalformedError where it is not a JSON object with a `resource_uri`
 */
export function parseNotice(bytes: Buffer): NamedDocument | undefined {
  const content = Content.safeParse(parseJson(bytes));
  if (!content.success) {
    throw new MalformedError('fieldMissing', '`json_signed` has no `resource_uri`');
  }
  const { resource_uri: uri, group, tag } = content.data;
  const resource = parseResourceUri(uri);
  if (resource?.kind !== 'document') return undefined;
  return { documentId: resource.id, ...readLabels([group], tag) };
}

/**
 * The document of an unsigned callback, from `json_signed` or from the plain `resource_uri`.
 * Undefined where it speaks of another kind of resource. Throws MalformedError.
 */
export function parseHint(bytes: Buffer, encoding: 'json' | 'uri'): string | undefined {
  if (encoding === 'json') return parseNotice(bytes)?.documentId;
  const resource = parseResourceUri(decodeUtf8(bytes));
  return resource?.kind === 'document' ? resource.id : undefined;
}
