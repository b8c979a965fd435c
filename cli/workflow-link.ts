import { documentWorkflowId } from '../workflows/contract.js';

/**
 * The address of a document's workflow in the Temporal UI.
 * @param uiUrl without a slash at the end
 * @returns undefined where there is no UI
 */
export function workflowLink(
  uiUrl: string | undefined,
  namespace: string,
): ((documentId: string) => string) | undefined {
  if (uiUrl === undefined) return undefined;
  const workflows = `${uiUrl}/namespaces/${encodeURIComponent(namespace)}/workflows`;
  return (documentId) => `${workflows}/${encodeURIComponent(documentWorkflowId(documentId))}`;
}
