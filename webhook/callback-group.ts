/** Callbacks that become durable in company, as one delivery. Pure. */
import type {
  CallbackDeliveryInput,
  NamedNews,
  SetAsideEntry,
  StatusChange,
  StatusReport,
} from '../workflows/contract.js';
import type { InboxMessage } from './callback-inbox.js';

/** News that may share a write with that of other callbacks. */
export type GroupMember = Extract<InboxMessage, { kind: 'report' | 'notice' | 'delivery' }>;

/** Of one group, in bytes of JSON: half of what a payload may have. */
export const GROUP_MAX_BYTES = 1_000_000;

/** What is larger goes alone: it would only keep others out. In bytes of JSON. */
const MEMBER_MAX_BYTES = 100_000;

/**
 * What a message adds to a group, in bytes of JSON; undefined: it goes alone. A batch does, since
 * its digest is its Workflow ID, and so does a hint, about which the provider is to be asked.
 */
export function bytesInGroup(message: InboxMessage): number | undefined {
  if (!isMember(message)) return undefined;
  const bytes = Buffer.byteLength(JSON.stringify(message));
  return bytes <= MEMBER_MAX_BYTES ? bytes : undefined;
}

/** Of a list, those in front that may share one write. */
export function leadingGroup(messages: readonly (InboxMessage | undefined)[]): GroupMember[] {
  const group: GroupMember[] = [];
  let room = GROUP_MAX_BYTES;
  for (const message of messages) {
    if (message === undefined || !isMember(message)) break;
    room -= bytesInGroup(message) ?? Infinity;
    if (room < 0) break;
    group.push(message);
  }
  return group;
}

/** Whether a message may share a write. */
export function isMember(message: InboxMessage): message is GroupMember {
  switch (message.kind) {
    case 'notice':
      return true;
    case 'report':
      return isOfChangesAlone(message.report);
    case 'delivery':
      return isPlain(message.input);
    case 'hint':
      return false;
  }
}

/** What is a group already, as the spool hands it over, has more than a group has a place for. */
function isPlain({ source, held, named }: CallbackDeliveryInput): boolean {
  return source === 'realtime' && held === undefined && named === undefined;
}

/** A group has no place for bounces: they go alone, and are few. */
function isOfChangesAlone({ source, changes, bounces = [] }: StatusReport): boolean {
  return source === 'realtime' && changes.length > 0 && bounces.length === 0;
}

/** One delivery of all members, in their order. */
export function groupedDelivery(
  members: readonly GroupMember[],
  receivedAt: string,
): CallbackDeliveryInput {
  const changes: StatusChange[] = [];
  const hints: string[] = [];
  const named: NamedNews[] = [];
  const setAside: SetAsideEntry[] = [];
  for (const member of members) {
    switch (member.kind) {
      case 'delivery':
        changes.push(...member.input.changes);
        setAside.push(...member.input.setAside);
        break;
      case 'notice':
        named.push({ ...member.document, changes: [], hints: [hints.length] });
        hints.push(member.document.documentId);
        break;
      case 'report': {
        const { report, document } = member;
        const positions = report.changes.map((_, index) => changes.length + index);
        const { snapshot } = report;
        named.push({ ...document, changes: positions, hints: [], ...(snapshot && { snapshot }) });
        changes.push(...report.changes);
      }
    }
  }
  return { source: 'realtime', receivedAt, changes, hints, named, setAside };
}
