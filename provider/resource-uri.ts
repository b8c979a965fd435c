import { ID_PATTERN } from '../workflows/contract.js';

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

/** Takes `/api/v1/<kind>/<id>/` apart; undefined for anything else, or an ID outside ID_PATTERN. */
export function parseResourceUri(uri: string): Resource | undefined {
  const [, kind, id] = RESOURCE_URI.exec(uri.trim()) ?? [];
  if (kind === undefined || id === undefined || !ID_PATTERN.test(id)) return undefined;
  return { kind: kind.toLowerCase() as ResourceKind, id };
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
