import { canonicalId } from '../workflows/contract.js';
import { UsageError } from './failures.js';

/** As everything spells it. @throws UsageError for what cannot be a document's ID */
export function documentIdOf(text = ''): string {
  const id = canonicalId(text);
  if (id === undefined) throw new UsageError(`not a document's ID: ${text}`);
  return id;
}
