import {
  documentStatusNumber,
  signerStatusNumber,
  type Announcement,
  type DocumentAnnouncement,
  type OperationsAnnouncement,
} from '../../workflows/contract.js';

type AnnouncedEvent = Announcement['event'];

/** What people read of an event, on any channel. Tags and reasons are other people's words. */
export interface AnnouncementText {
  readonly headline: string;
  /** What the event means, and what to do. */
  readonly explanation: string;
  /** What it is about: a document, a run. */
  readonly subject: string;
  readonly facts: readonly Fact[];
}

/** One line of what is known. */
export type Fact = readonly [label: string, value: string];

const HEADLINES: Readonly<Record<AnnouncedEvent, string>> = {
  'document.completed': 'Document completed',
  'document.rejected': 'Document rejected',
  'document.removed': 'Document removed',
  'document.expired': 'Document not signed in time',
  'document.stopped': 'Document given up',
  'document.stalled': 'Document stalled',
  'signer.signed': 'A signer signed',
  'signer.rejected': 'A signer refused',
  'signer.bounced': 'Mail to a signer came back',
  'document.integrityFailed': 'Signed PDF failed its check',
  'document.needsAttention': 'Document needs attention',
  'document.contradicted': 'Document contradicts its outcome',
  'reconciliation.alarm': 'Callbacks were missed',
  'reconciliation.failed': 'Reconciliation left something out',
  'reconciliation.overdue': 'No reconciliation has happened',
  'subscription.healed': 'Callbacks registered again',
  'countersign.test': 'A test message',
};

const EXPLANATIONS: Readonly<Record<AnnouncedEvent, string>> = {
  'document.completed':
    'Everybody signed. The final PDF and its audit log were checked and archived.',
  'document.rejected': 'A signer refused to sign.',
  'document.removed': 'The document was removed at the provider before everybody had signed.',
  'document.expired': 'The deadline passed before everybody had signed.',
  'document.stopped':
    'Operations gave the document up here. Nothing more is done about it; at the provider it is as ' +
    'it was.',
  'document.stalled':
    'Nothing has moved for as long as the document’s terms allow. It stays open; the provider was ' +
    'asked and says the same.',
  'signer.signed': 'A signer has done their part.',
  'signer.rejected': 'A signer refused to sign. What becomes of the document is announced apart.',
  'signer.bounced':
    'Mail to a signer came back: they may not know that it is their turn. Mend the address at the ' +
    'provider.',
  'document.integrityFailed':
    'The downloaded PDF is not the one whose hash the provider names. It is kept in quarantine; ' +
    'send the signal "retry" to the workflow once the cause is known.',
  'document.needsAttention':
    'Something failed for good. The workflow waits; send it the signal "retry" once it is mended.',
  'document.contradicted':
    'After the outcome was announced, the provider said something else. Nothing was done about it.',
  'reconciliation.alarm':
    'The reconciliation found more changes than it may that no callback had told. All of them are ' +
    'repaired; the channel needs a look.',
  'reconciliation.failed':
    'A part of the reconciliation was given up. Its report names what; the next run tries it again.',
  'reconciliation.overdue':
    'No reconciliation has covered everything for too long. See whether its Schedule is paused, and ' +
    'whether a worker polls.',
  'subscription.healed':
    'A callback that should be registered at the provider was missing or inactive. It is registered ' +
    'again; what it did not tell meanwhile, the reconciliation finds.',
  'countersign.test':
    'Somebody tried out whether announcements arrive here. Nothing else happened.',
};

/** An event in words. */
export function announcementText(announcement: Announcement): AnnouncementText {
  const { event } = announcement;
  return {
    headline: HEADLINES[event],
    explanation: EXPLANATIONS[event],
    subject: nameOf(announcement),
    facts: 'subject' in announcement ? operationsFacts(announcement) : documentFacts(announcement),
  };
}

function operationsFacts(announcement: OperationsAnnouncement): readonly Fact[] {
  const { subject, occurredAt, reason, figures = {}, examples = [] } = announcement;
  return [
    ['About', subject],
    ['When', occurredAt],
    ['Reason', reason],
    ...Object.entries(figures).map(([name, figure]) => [name, String(figure)] as const),
    ...examples.map(({ documentId, what }) => [`Document ${documentId}`, what] as const),
  ];
}

function documentFacts(announcement: DocumentAnnouncement): readonly Fact[] {
  const { documentId, status, group, tag, occurredAt, reason, rejection, archive } = announcement;
  const maybe: readonly (readonly [string, string | undefined])[] = [
    ['Document', documentId],
    ['Status', `${status} (${documentStatusNumber(status)})`],
    ['When', occurredAt],
    ['Signer', announcement.event.startsWith('signer.') ? announcement.occasion : undefined],
    ['Group', group],
    ['Tag', tag],
    ['Reason', reason],
    ['Rejected by signer', rejection?.signerId],
    ['Reason given', rejection?.reason],
    ['Archived', archive?.archivedAt],
    ...(archive?.files ?? []).map(
      ({ name, bytes, sha256 }) => [name, `${bytes} bytes, SHA-256 ${sha256}`] as const,
    ),
    ...announcement.signers.map(
      (signer) =>
        [`Signer ${signer.id}`, `${signer.status} (${signerStatusNumber(signer.status)})`] as const,
    ),
  ];
  return maybe.filter((fact): fact is [string, string] => fact[1] !== undefined && fact[1] !== '');
}

function nameOf(announcement: Announcement): string {
  if ('subject' in announcement) return announcement.subject;
  const { documentId, tag } = announcement;
  return tag === undefined || tag === '' ? documentId : `${tag} (${documentId})`;
}
