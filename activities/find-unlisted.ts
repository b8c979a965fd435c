import { Context } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import { SEARCH_ATTRIBUTES, WORKFLOW_TYPES } from '../workflows/contract.js';
import type { Activities, FindUnlistedInput, FindUnlistedResult } from '../workflows/contract.js';
import { EARLIER_PROBES, fingerprintOf, wasListed } from '../workflows/listed-documents.js';
import { withFailures } from './failures.js';
import { withHeartbeat } from './heartbeat.js';
import { countWorkflows, listWorkflowIds } from './listed-workflows.js';

/** 5,000 IDs are 200 kB of an activity's result. */
const FOUND_AT_ONCE = 5_000;

/**
 * The activity that goes through the open documents in Temporal's visibility and returns those that
 * no listing showed: archived at the provider, or gone. Where a listing showed as many open
 * documents as there are, and none has closed meanwhile, there is nothing to look for among them.
 * Then the ones that expired: the provider may have let people sign after that.
 */
export function createFindUnlisted(client: Client): Activities['findUnlisted'] {
  return (input, listed) =>
    withFailures(() => withHeartbeat((note) => find(client, input, listed, note)));
}

/** How far the search has come. */
interface Place {
  readonly among: 'open' | 'expired';
  readonly token: Buffer;
}

async function find(
  client: Client,
  input: FindUnlistedInput,
  listed: Uint8Array,
  note: (details: unknown) => void,
): Promise<FindUnlistedResult> {
  const signal = Context.current().cancellationSignal;
  const { seed, probes = EARLIER_PROBES } = input;
  const documentIds: string[] = [];
  let open = 0;
  let place: Place | undefined = placeOf(input.after);
  if (input.after === undefined && (await areAllListed(client, input))) {
    open = input.openListed ?? 0;
    place = BEGIN_OF_EXPIRED;
  }
  while (place) {
    signal.throwIfAborted();
    const query = place.among === 'open' ? openQuery(input) : expiredQuery(input);
    const page = await listWorkflowIds(client, query, place.token);
    if (place.among === 'open') open += page.workflowIds.length;
    const ids = page.workflowIds.map((id) => id.replace(/^document:/, ''));
    documentIds.push(...ids.filter((id) => !wasListed(listed, fingerprintOf(seed, id), probes)));
    place = nextPlace(place, page.nextPageToken);
    note({ open, unlisted: documentIds.length });
    if (place && documentIds.length >= FOUND_AT_ONCE) {
      return { documentIds, open, next: textOf(place) };
    }
  }
  return { documentIds, open };
}

const BEGIN_OF_EXPIRED: Place = { among: 'expired', token: Buffer.alloc(0) };

function nextPlace({ among }: Place, token: Buffer): Place | undefined {
  if (token.length > 0) return { among, token };
  return among === 'open' ? BEGIN_OF_EXPIRED : undefined;
}

function textOf({ among, token }: Place): string {
  return `${among} ${token.toString('base64')}`;
}

/** @param after as `textOf` wrote it; runs from before wrote the token alone */
function placeOf(after = ''): Place {
  const [token = '', among] = after.split(' ').reverse();
  return {
    among: among === 'expired' ? 'expired' : 'open',
    token: Buffer.from(token, 'base64'),
  };
}

async function areAllListed(client: Client, input: FindUnlistedInput): Promise<boolean> {
  if (input.openListed === undefined) return false;
  const closed = `WorkflowType = '${WORKFLOW_TYPES.documentSigning}' AND CloseTime >= '${input.startedAt}'`;
  // Those that began meanwhile too: listed ones of them are among those that were seen.
  const { startedAt: _anytime, ...rest } = input;
  const counts = await Promise.all([
    countWorkflows(client, openQuery(rest)),
    countWorkflows(client, closed),
  ]);
  return counts[0] === input.openListed && counts[1] === 0;
}

type OpenDocuments = Scope & Partial<Pick<FindUnlistedInput, 'startedAt'>>;

/** With `startedAt`: documents that began after the run are none of its business. */
function openQuery({ startedAt, ...scope }: OpenDocuments): string {
  return [
    ...documentsOf(scope),
    `ExecutionStatus = 'Running'`,
    ...(startedAt === undefined ? [] : [`StartTime < '${startedAt}'`]),
  ].join(' AND ');
}

function expiredQuery(scope: Scope): string {
  return [...documentsOf(scope), `${SEARCH_ATTRIBUTES.documentOutcome.name} = 'expired'`].join(
    ' AND ',
  );
}

type Scope = Pick<FindUnlistedInput, 'group' | 'groups'>;

function documentsOf({ group, groups }: Scope): string[] {
  const wanted = groups.map((slug) => `'${slug}'`).join(',');
  // A workflow may not know its group yet.
  const inGroups = `(DocumentGroup IN (${wanted}) OR DocumentGroup IS NULL)`;
  return [
    `WorkflowType = '${WORKFLOW_TYPES.documentSigning}'`,
    ...(group === undefined ? [] : [`DocumentGroup = '${group}'`]),
    ...(group === undefined && groups.length > 0 ? [inGroups] : []),
  ];
}
