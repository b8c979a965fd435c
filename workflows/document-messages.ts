/** What each message of a document's workflow is for, as the UI shows it beside the name. */
export const DESCRIBED = {
  statusChanged: {
    description: 'News of the document, from a callback or the reconciliation. Not sent by hand.',
  },
  noticeReceived: {
    description: 'The provider says that something happened, not what. By hand send `refresh`.',
  },
  trackingRequested: {
    description: 'An application tracks a document that runs already. Not sent by hand.',
  },
  refresh: {
    description:
      'Ask the provider now. Without input. While the document waits for `retry`, that comes first.',
  },
  retry: {
    description:
      'The cause of a failure is mended: try everything that waits again, at once. Without input.',
  },
  stop: {
    description:
      'Give the document up: nothing more is done, reminded or archived, and `document.stopped` is ' +
      'announced. Input: the reason as JSON text, such as "withdrawn by sales". Tracking it again ' +
      'takes an explicit trackDocument.',
  },
  changeTerms: {
    description:
      'Other terms from now on. Input such as {"deadline": "2030-01-31T12:00:00Z", "reminders": ' +
      '["3d", "7d"], "stalledAfter": "14d"}; null, or [] for the reminders, means never; what is ' +
      'left out stays.',
  },
  progress: { description: 'How far the document is: signers, whose turn, timeline, outcome.' },
  missedChanges: {
    description: 'What a picture of the document would change: for the reconciliation.',
  },
  waitForOutcome: { description: 'Answers once the document has its outcome.' },
  waitForChange: {
    description: 'Answers once anything changed after a revision: {"afterRevision": 3}.',
  },
} as const satisfies Readonly<Record<string, { readonly description: string }>>;
