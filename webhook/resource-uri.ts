import { ID_PATTERN } from '../workflows/contract.js';

/** What a resource URI names. */
export interface Resource {
  readonly kind: 'document' | 'signer';
  readonly id: string;
}

/** The provider prints `signer` and `signers`; a host or a missing last slash does no harm. */
const RESOURCE = /^(?:https?:\/\/[^/?#\s]+)?\/api\/v1\/(document|signers?)\/([^/?#]+)\/?$/;
const GROUP = /^(?:(?:https?:\/\/[^/?#\s]+)?\/api\/v1\/group\/)?([\w-]{1,255})\/?$/;

/** A document or signer by its URI; undefined for any other kind, or an ID that cannot be one. */
export function parseResourceUri(uri: string): Resource | undefined {
  const [, kind, id] = RESOURCE.exec(uri.trim()) ?? [];
  if (kind === undefined || id === undefined || !ID_PATTERN.test(id)) return undefined;
  return { kind: kind === 'document' ? 'document' : 'signer', id };
}

/** The ID of a resource of one kind, from its URI or its bare ID. */
export function idOf(kind: Resource['kind'], text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (ID_PATTERN.test(text)) return text;
  const resource = parseResourceUri(text);
  return resource?.kind === kind ? resource.id : undefined;
}

/** A group's slug, from its URI or bare. */
export function groupSlugOf(text: string | undefined): string | undefined {
  return text === undefined ? undefined : GROUP.exec(text.trim())?.[1];
}

/**
 * A tag by the provider's own pattern; undefined where it is empty or breaks it. The pattern has no
 * `@`, which keeps e-mail addresses out of search attributes.
 */
export function tagOf(text: string | undefined): string | undefined {
  return text !== undefined && /^[-\w[\]:;/., ]{1,250}$/.test(text) ? text : undefined;
}
