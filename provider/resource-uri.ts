import { canonicalId } from '../workflows/contract.js';

/** What the provider's resource URIs name. */
export type ResourceKind = 'document' | 'signer' | 'group';

/** A resource URI taken apart. */
export interface Resource {
  readonly kind: ResourceKind;
  /** Of a document or signer its UUID, of a group its slug. */
  readonly id: string;
}

// With or without a host; the provider prints `signers` as well as `signer`.
const RESOURCE_URI =
  /^(?:https?:\/\/[^/?#]+)?\/api\/v1\/(document|signer|group)s?\/([^/?#]+)\/?(?:[?#].*)?$/i;

const GROUP = /^(?:(?:https?:\/\/[^/?#\s]+)?\/api\/v1\/group\/)?([\w-]{1,255})\/?$/;

/** Takes `/api/v1/<kind>/<id>/` apart; undefined for anything else, or an ID outside ID_PATTERN. */
export function parseResourceUri(uri: string): Resource | undefined {
  const [, kind, id] = RESOURCE_URI.exec(uri.trim()) ?? [];
  const canonical = canonicalId(id ?? '');
  if (kind === undefined || canonical === undefined) return undefined;
  return { kind: kind.toLowerCase() as ResourceKind, id: canonical };
}

/** The ID in a resource URI of the given kind; undefined where the URI names something else. */
export function resourceId(kind: ResourceKind, uri: string | undefined): string | undefined {
  const resource = uri === undefined ? undefined : parseResourceUri(uri);
  return resource?.kind === kind ? resource.id : undefined;
}

/** The resource URI of a document, signer or group, as the provider writes it: `/api/v1/…/`. */
export function resourceUri(kind: ResourceKind, id: string): string {
  return `/api/v1/${kind}/${id}/`;
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

/** The ID of a resource of one kind, from its URI or its bare ID. */
export function idOf(kind: ResourceKind, text: string | undefined): string | undefined {
  return canonicalId(text ?? '') ?? resourceId(kind, text);
}
