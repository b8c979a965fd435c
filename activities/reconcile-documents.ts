import { Context } from '@temporalio/activity';
import type { ProviderClient } from '../provider/provider-client.js';
import { ROW_MARKS } from '../workflows/contract.js';
import type { Activities, ComparisonTerms } from '../workflows/contract.js';
import { allAtOnce } from './all-at-once.js';
import { askPatiently } from './ask-patiently.js';
import {
  compareDocument,
  describeDocument,
  tellOfAbsence,
  type Compared,
  type Comparison,
} from './compare-document.js';
import { withFailures } from './failures.js';
import { withHeartbeat } from './heartbeat.js';
import { sumOfFindings } from './missed-figures.js';
import { orLeftOut } from './reconcile-page.js';

/** What the activity works with. */
export interface ReconcileDocumentsDependencies extends Comparison {
  readonly provider: Pick<ProviderClient, 'getDocument'>;
}

/** The provider client has its own limit; this one leaves room for others. */
const DOCUMENTS_AT_ONCE = 4;

/** The activity that asks the provider for documents one by one, and repairs what was missed. */
export function createReconcileDocuments(
  dependencies: ReconcileDocumentsDependencies,
): Activities['reconcileDocuments'] {
  return (input) =>
    withFailures(() =>
      withHeartbeat(async (note) => {
        let count = 0;
        const compareOne = async (documentId: string): Promise<Compared> => {
          const compared = await orLeftOut(documentId, () => ask(dependencies, documentId, input));
          note({ phase: 'asking', count: (count += 1) });
          return compared;
        };
        const work = input.documentIds.map((documentId) => () => compareOne(documentId));
        return sumOfFindings(await allAtOnce(work, DOCUMENTS_AT_ONCE));
      }),
    );
}

async function ask(
  dependencies: ReconcileDocumentsDependencies,
  documentId: string,
  terms: ComparisonTerms,
): Promise<Compared> {
  const signal = Context.current().cancellationSignal;
  const { provider } = dependencies;
  const snapshot = await askPatiently(() => provider.getDocument(documentId, { signal }), signal);
  if (!snapshot) {
    return { ...(await tellOfAbsence(dependencies.client, documentId)), mark: ROW_MARKS.over };
  }
  const mayBeRepaired = Context.current().info.attempt > 1;
  const known = { ...(await describeDocument(dependencies.client, snapshot)), mayBeRepaired };
  const nowMs = Date.now() + (terms.clockSkewMs ?? 0);
  return compareDocument(dependencies, snapshot, known, { ...terms, nowMs });
}
