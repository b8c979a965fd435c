import { Context } from '@temporalio/activity';
import type { ProviderClient } from '../provider/provider-client.js';
import { FAILURE_TYPES, ROW_MARKS } from '../workflows/contract.js';
import type {
  Activities,
  DocumentSnapshot,
  ReconcileDocumentsInput,
  RowMark,
} from '../workflows/contract.js';
import { allAtOnce } from './all-at-once.js';
import { askPatiently } from './ask-patiently.js';
import {
  compareDocument,
  describeDocument,
  hasEnded,
  tellOfAbsence,
  type Compared,
  type Comparison,
} from './compare-document.js';
import { permanent, withFailures } from './failures.js';
import { withHeartbeat } from './heartbeat.js';
import { sumOfFindings } from './missed-figures.js';
import { orLeftOut } from './reconcile-page.js';

/** What the activity works with. */
export interface ReconcileDocumentsDependencies extends Comparison {
  readonly provider: Pick<ProviderClient, 'getDocument'>;
}

/** The provider client has its own limit; this one leaves room for others. */
const DOCUMENTS_AT_ONCE = 4;

/** Fewer may well have been deleted, all that were open. */
const DOUBTFUL_DOCUMENTS = 10;

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
        await requireOwnAccount(dependencies, input);
        const work = input.documentIds.map((documentId) => () => compareOne(documentId));
        return sumOfFindings(await allAtOnce(work, DOCUMENTS_AT_ONCE));
      }),
    );
}

/**
 * With the key of another account, or a provider that has lost its way, every document is unknown.
 * One by one they would be taken for removed, and so announced; where so many are, nobody is told.
 * What has ended here may have been deleted there, and is told nothing anyway.
 */
async function requireOwnAccount(
  { provider, client }: ReconcileDocumentsDependencies,
  { documentIds, isAccountDoubtful }: ReconcileDocumentsInput,
): Promise<void> {
  if (!isAccountDoubtful || documentIds.length < DOUBTFUL_DOCUMENTS) return;
  const signal = Context.current().cancellationSignal;
  let isAnyOpen = false;
  for (const documentId of documentIds) {
    if (await askPatiently(() => provider.getDocument(documentId, { signal }), signal)) return;
    isAnyOpen ||= !(await hasEnded(client, documentId));
  }
  if (!isAnyOpen) return;
  throw permanent(
    FAILURE_TYPES.requestRefused,
    `The provider knows none of these ${documentIds.length} documents, and shows few of those that ` +
      'are open here: is LEGALESIGN_API_KEY that of their account? Their workflows were told ' +
      'nothing. Where they were deleted, reconcile each by itself.',
  );
}

async function ask(
  dependencies: ReconcileDocumentsDependencies,
  documentId: string,
  terms: ReconcileDocumentsInput,
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
  const compared = await compareDocument(dependencies, snapshot, known, { ...terms, nowMs });
  const what = terms.isNamed && whyNothing(compared.mark, snapshot);
  return what ? { ...compared, example: { documentId, what } } : compared;
}

function whyNothing(mark: RowMark, { group = '' }: DocumentSnapshot): string | undefined {
  if (mark === ROW_MARKS.outside) return `not compared: RECONCILE_GROUPS leaves out ${group}`;
  if (mark !== ROW_MARKS.unknownIgnored) return undefined;
  return 'has no workflow; RECONCILE_ADOPT says to ignore it';
}
