import type { Announcement } from '../../workflows/contract.js';

const DOCUMENT_ID = '5b0f2c1e-7c1a-4d3e-9a51-0d9a2f6f7b10';
const ADA = 'e8d5a1f4-2f0e-4a7e-8b5b-6f1d2c3b4a59';
const BOB = '0c9b8a7d-6e5f-4d3c-9b2a-1f0e9d8c7b6a';
const RUN = 'reconciliation-2026-03-02T02:00:00Z/019ca9f0-1111-7222-8333-444455556666';
const HASH = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';

const OF_DOCUMENT = {
  documentId: DOCUMENT_ID,
  group: 'lettings',
  tag: 'lease-12',
} as const;

/** One announcement of every event, as docs/announcements.md shows them. */
export const ANNOUNCEMENT_EXAMPLES: readonly Announcement[] = [
  {
    event: 'document.completed',
    ...OF_DOCUMENT,
    occurredAt: '2026-03-02T09:15:04.120Z',
    status: 'finalised',
    signers: [
      { id: ADA, status: 'signed' },
      { id: BOB, status: 'signed' },
    ],
    archive: {
      archivedAt: '2026-03-02T09:15:03.870Z',
      providerHash: HASH,
      files: [
        { name: 'document.pdf', bytes: 48_211, sha256: HASH },
        {
          name: 'audit-log.pdf',
          bytes: 20_480,
          sha256: '60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752',
        },
      ],
    },
  },
  {
    event: 'document.rejected',
    ...OF_DOCUMENT,
    occurredAt: '2026-03-02T09:15:04.120Z',
    status: 'rejected',
    signers: [
      { id: ADA, status: 'signed' },
      { id: BOB, status: 'rejected' },
    ],
    rejection: { signerId: BOB, reason: 'The rent is not what we agreed' },
  },
  {
    event: 'document.removed',
    ...OF_DOCUMENT,
    occurredAt: '2026-03-02T09:15:04.120Z',
    status: 'removed',
    signers: [{ id: ADA, status: 'sent' }],
  },
  {
    event: 'document.expired',
    ...OF_DOCUMENT,
    occurredAt: '2026-03-09T00:00:00.050Z',
    status: 'fieldsCompleted',
    signers: [
      { id: ADA, status: 'signed' },
      { id: BOB, status: 'visited' },
    ],
  },
  {
    event: 'document.stopped',
    ...OF_DOCUMENT,
    occurredAt: '2026-03-02T09:15:04.120Z',
    status: 'fieldsCompleted',
    signers: [
      { id: ADA, status: 'signed' },
      { id: BOB, status: 'visited' },
    ],
    reason: 'signed on paper instead',
  },
  {
    event: 'document.stalled',
    ...OF_DOCUMENT,
    occasion: '2026-02-16T09:15:04.000Z',
    occurredAt: '2026-03-02T09:15:04.120Z',
    status: 'fieldsCompleted',
    signers: [
      { id: ADA, status: 'signed' },
      { id: BOB, status: 'visited' },
    ],
    reason: `nothing has moved since 2026-02-16T09:15:04.000Z. It waits for signer ${BOB}`,
  },
  {
    event: 'signer.signed',
    ...OF_DOCUMENT,
    occasion: ADA,
    occurredAt: '2026-03-02T09:15:04.120Z',
    status: 'created',
    signers: [
      { id: ADA, status: 'signed' },
      { id: BOB, status: 'sent' },
    ],
  },
  {
    event: 'signer.rejected',
    ...OF_DOCUMENT,
    occasion: BOB,
    occurredAt: '2026-03-02T09:15:04.120Z',
    status: 'created',
    signers: [
      { id: ADA, status: 'signed' },
      { id: BOB, status: 'rejected' },
    ],
  },
  {
    event: 'signer.bounced',
    ...OF_DOCUMENT,
    occasion: BOB,
    occurredAt: '2026-03-02T09:15:04.120Z',
    status: 'created',
    signers: [
      { id: ADA, status: 'signed' },
      { id: BOB, status: 'sent' },
    ],
  },
  {
    event: 'document.integrityFailed',
    ...OF_DOCUMENT,
    occurredAt: '2026-03-02T09:15:04.120Z',
    status: 'finalised',
    signers: [{ id: ADA, status: 'signed' }],
    reason:
      `the PDF of document ${DOCUMENT_ID} does not have the provider's hash; it is kept in ` +
      'quarantine',
  },
  {
    event: 'document.needsAttention',
    ...OF_DOCUMENT,
    occurredAt: '2026-03-02T09:15:04.120Z',
    status: 'finalised',
    signers: [{ id: ADA, status: 'signed' }],
    reason: 'the archive has no bucket of that name: create it, or correct ARCHIVE_URL',
  },
  {
    event: 'document.contradicted',
    ...OF_DOCUMENT,
    occurredAt: '2026-03-02T09:15:04.120Z',
    status: 'finalised',
    signers: [{ id: ADA, status: 'signed' }],
    rejection: { signerId: ADA, reason: '' },
    reason: 'rejected, but the provider now says finalised',
  },
  {
    event: 'reconciliation.alarm',
    subject: RUN,
    occurredAt: '2026-03-02T02:04:10.000Z',
    reason:
      'callbacks missed 31 changes of 12 documents (2.5 % of those looked at); all are repaired',
    figures: {
      documents: 480,
      neverArrived: 29,
      arrivedAndFailed: 2,
      documentUnknown: 0,
      failed: 0,
    },
    examples: [{ documentId: DOCUMENT_ID, what: 'signer signed at 2026-03-01T17:20:00Z' }],
  },
  {
    event: 'reconciliation.failed',
    subject: RUN,
    occurredAt: '2026-03-02T02:24:10.000Z',
    reason: '2 documents could not be compared',
    figures: {
      documents: 480,
      neverArrived: 0,
      arrivedAndFailed: 0,
      documentUnknown: 0,
      failed: 2,
    },
  },
  {
    event: 'reconciliation.overdue',
    subject: 'reconciliation/2026-03-01T02:00:00.000Z',
    occurredAt: '2026-03-02T04:00:01.000Z',
    reason:
      'no reconciliation has covered everything since 2026-03-01T02:00:00.000Z: see in the ' +
      'Temporal UI whether its Schedule is paused and how the last run ended',
  },
  {
    event: 'subscription.healed',
    subject: RUN,
    occurredAt: '2026-03-02T02:04:10.000Z',
    reason: 'registered again: signed',
  },
  {
    event: 'countersign.test',
    subject: 'doctor/2026-03-02T09:15:04.120Z',
    occurredAt: '2026-03-02T09:15:04.120Z',
    reason: 'sent by countersign doctor --send-test',
  },
];
