import { groupSlugOf, tagOf } from '../provider/resource-uri.js';

/** A document with the labels that the callback gave it. */
export interface NamedDocument {
  readonly documentId: string;
  /** The group's slug. */
  readonly group?: string;
  readonly tag?: string;
}

/** The group by the first text that names one, and the tag; what breaks its pattern is not said. */
export function readLabels(
  groups: readonly (string | undefined)[],
  tag: string | undefined,
): Omit<NamedDocument, 'documentId'> {
  const group = groups.map(groupSlugOf).find((slug) => slug !== undefined);
  const readTag = tagOf(tag);
  return { ...(group !== undefined && { group }), ...(readTag !== undefined && { tag: readTag }) };
}
