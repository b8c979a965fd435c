/** Turns the sandbox's state into elements. Text only ever becomes text nodes, never markup. */

const TONES = {
  document: { 30: 'good', 40: 'bad', 50: 'bad', 10: 'busy' },
  signer: { 40: 'good', 50: 'good', 60: 'bad', 4: '', 5: '' },
};

/** An element with attributes and children; what is false or null is left out. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined) continue;
    // `data-` attributes say true or false; all others are there or not.
    if (key.startsWith('data-') || typeof value !== 'boolean')
      made.setAttribute(key, String(value));
    else made.toggleAttribute(key, value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== false));
  return made;
}

function chip(text, tone) {
  return element('span', { class: `chip ${tone}` }, text);
}

function time(atMs) {
  return new Date(atMs).toLocaleTimeString([], { hour12: false });
}

function action(label, data, options = {}) {
  const attributes = { type: 'button', class: options.class, disabled: options.disabled };
  for (const [key, value] of Object.entries(data)) attributes[`data-${key}`] = value;
  return element('button', { ...attributes, 'aria-label': options.describe }, label);
}

function signerSteps(signer, name, open) {
  const id = signer.id;
  const closed = !open || signer.status === 60;
  const button = (label, kind, disabled, tone) =>
    action(label, { action: kind, id }, { disabled, class: tone, describe: `${label}, ${name}` });
  return element(
    'div',
    { class: 'steps' },
    button(signer.next ?? 'Next step', 'advance', signer.next === null),
    button('Back', 'back', closed || signer.status <= 10),
    button('Bounce', 'bounce', closed || signer.bounce !== null),
    button('Reject', 'reject', closed || [4, 5, 40, 50].includes(signer.status), 'danger'),
  );
}

function signerRow(signer, open) {
  const name = `${signer.firstname} ${signer.lastname}`;
  const tone = TONES.signer[signer.status] ?? 'busy';
  const role = signer.role === 'signer' ? '' : `, ${signer.role}`;
  const note =
    signer.rejectionReason ?? (signer.bounce === null ? null : `Bounced: ${signer.bounce}`);
  return element(
    'li',
    {
      class: 'signer',
      id: `signer-${signer.id}`,
      'data-signer': signer.id,
      'data-status': signer.status,
    },
    element(
      'div',
      { class: 'who' },
      element('strong', {}, name),
      element('span', { class: 'muted small' }, `${signer.order + 1}. ${signer.email}${role}`),
      note ? element('div', { class: 'small danger' }, note) : null,
    ),
    element('div', {}, chip(`${signer.statusText} · ${signer.status}`, tone)),
    signerSteps(signer, name, open),
  );
}

function documentLinks({ id, name, hash }, workflowUrl) {
  const link = (text, href) =>
    element(
      'a',
      { href, target: '_blank', rel: 'noreferrer', 'aria-label': `${text} of ${name}` },
      text,
    );
  return [
    hash === null ? null : link('Final PDF', `/sandbox/documents/${id}/document.pdf`),
    link('Audit log', `/sandbox/documents/${id}/audit-log.pdf`),
    workflowUrl ? link('Workflow', workflowUrl) : null,
  ];
}

/** A document with its signers and everything that can be done with it. */
export function documentCard(shown, workflowUrl) {
  const { id, name, status, signers } = shown;
  const open = status === 10 || status === 20;
  const signed = signers.filter((signer) => signer.status === 40 || signer.status === 50).length;
  const about = [shown.group, shown.tag, shown.archived ? 'archived' : ''].filter(Boolean);
  return element(
    'article',
    {
      class: 'document',
      id: `document-${id}`,
      'data-document': id,
      'data-status': status,
      'data-final': shown.hash !== null,
    },
    element(
      'header',
      {},
      element(
        'div',
        {},
        element('h3', {}, name),
        element('span', { class: 'muted small' }, about.join(' · ')),
        ' ',
        element('code', {}, id),
      ),
      chip(`${shown.statusText} · ${status}`, TONES.document[status] ?? ''),
    ),
    element('progress', {
      max: signers.length,
      value: signed,
      'aria-label': `${signed} of ${signers.length} signed`,
    }),
    element(
      'ol',
      { class: 'signers' },
      signers.map((signer) => signerRow(signer, open)),
    ),
    element(
      'div',
      { class: 'actions' },
      action(
        'Complete all',
        { action: 'complete', id },
        { disabled: !open, class: 'primary', describe: `Complete all, ${name}` },
      ),
      action(
        'Remove',
        { action: 'remove', id },
        { disabled: !open, class: 'danger', describe: `Remove ${name}` },
      ),
      documentLinks(shown, workflowUrl),
    ),
  );
}

function answerChip({ state, answer, error }) {
  if (state === 'waiting') return chip('under way', 'busy');
  if (state === 'dropped') return chip('dropped', '');
  if (answer === null) return chip(error ?? 'failed', 'bad');
  return chip(String(answer.status), answer.status < 300 ? 'good' : 'bad');
}

/** One callback of the table. */
export function callbackRow(callback) {
  const { id, kind, about, at, forged, repeats, answer, durationMs, state } = callback;
  const marks = [forged ? 'forged' : '', repeats ? 'resent' : ''].filter(Boolean).join(', ');
  const line =
    answer === null ? '' : `${answer.line} ${durationMs === null ? '' : `(${durationMs} ms)`}`;
  return element(
    'tr',
    { 'data-callback': id, 'data-kind': kind, 'data-state': state, 'data-answer': answer?.status },
    element('td', {}, time(at)),
    element(
      'td',
      {},
      element(
        'button',
        { type: 'button', class: 'link', 'data-action': 'show-callback', 'data-id': id },
        kind,
      ),
      element('div', { class: 'muted' }, [about, marks].filter(Boolean).join(', ')),
    ),
    element('td', {}, answerChip(callback), element('div', { class: 'muted' }, line)),
    element(
      'td',
      {},
      action('Resend', { action: 'resend', id }, { describe: `Resend ${kind} of ${time(at)}` }),
    ),
  );
}

/** One registered URL. */
export function subscriptionItem({ url, notify, group, eventFilter, active }) {
  const narrowed = [group, eventFilter, active ? '' : 'inactive'].filter(Boolean).join(', ');
  return element(
    'li',
    {},
    chip(notify, ''),
    element('span', {}, narrowed ? `${url} (${narrowed})` : url),
  );
}

/** A number with its name, for the header. */
export function total(name, value) {
  return element(
    'div',
    {},
    element('dt', {}, name),
    element('dd', { 'data-total': name }, String(value)),
  );
}

const FAULTS = [
  ['dropCallbacks', 'Drop callbacks', 'share'],
  ['duplicateCallbacks', 'Send callbacks twice', 'share'],
  ['delayCallbacksMs', 'Delay callbacks, up to', 'ms'],
  ['shuffleCallbacks', 'Shuffle callbacks', 'share'],
  ['tamperCallbacks', 'Add forged callbacks', 'share'],
  ['throttleApi', 'API throttles (429)', 'share'],
  ['failApi', 'API fails (500)', 'share'],
  ['slowPdfMs', 'PDF takes', 'ms'],
  ['wrongPdf', 'PDF with wrong bytes', 'some'],
  ['cutPdf', 'PDF cut in the middle', 'some'],
  ['pdfMode', 'PDF handed out', 'mode'],
  ['listings', 'Listings answered', 'listings'],
  ['failPages', 'Page that fails (500)', 'pages'],
  ['slowListingMs', 'Page of documents takes', 'ms'],
  ['pageRows', 'Rows of a page of documents', 'rows'],
  ['listingTotal', 'Documents counted by a page', 'total'],
  ['churnArchive', 'Tagged “churn” removed per page', 'count'],
  ['churnCreate', 'Created per page', 'count'],
];

const CHOICES = {
  share: [
    [0, 'never'],
    [0.1, '10 %'],
    [0.25, '25 %'],
    [0.5, '50 %'],
    [1, 'always'],
  ],
  ms: [
    [0, 'no time'],
    [500, '0.5 s'],
    [2000, '2 s'],
    [10000, '10 s'],
  ],
  some: [
    [0, 'never'],
    [1, 'once'],
    [3, '3 times'],
    ['always', 'always'],
  ],
  mode: [
    ['ok', 'at once'],
    ['redirect', 'by redirect'],
    ['deArchiving', 'de-archiving'],
  ],
  listings: [
    ['both', 'both'],
    ['cache', 'cache=1'],
    ['groups', 'by group'],
  ],
  pages: [
    ['', 'none'],
    ['0', 'offset 0'],
    ['20', 'offset 20'],
    ['500', 'offset 500'],
  ],
  rows: [
    [0, 'as asked'],
    [5, '5'],
    [5000, '5,000'],
  ],
  total: [
    [0, 'all'],
    [1, '1'],
    [1000000, '1,000,000'],
  ],
  count: [
    [0, 'none'],
    [1, '1'],
    [10, '10'],
    [100, '100'],
  ],
};

/** The value that a choice stands for, as the control interface wants it. */
export function choiceValue(text, kind) {
  if (kind === 'pages') return text === '' ? [] : text.split(',').map(Number);
  const number = Number(text);
  return text === '' || Number.isNaN(number) ? text : number;
}

function options(kind, current) {
  const choices = [...CHOICES[kind]];
  // A script may have set a value that the page does not offer.
  if (!choices.some(([value]) => value === current)) choices.push([current, String(current)]);
  return choices.map(([value, text]) =>
    element('option', { value, selected: value === current }, text),
  );
}

/** The switches of the faults panel. */
export function faultSwitches(faults) {
  return FAULTS.map(([name, text, kind]) => {
    const current = Array.isArray(faults[name]) ? faults[name].join() : faults[name];
    const active = current !== CHOICES[kind][0][0];
    return element(
      'label',
      { class: 'fault', 'data-active': active },
      element('span', {}, text),
      element(
        'select',
        { id: `fault-${name}`, 'data-fault': name, 'data-kind': kind },
        options(kind, current),
      ),
    );
  });
}

/** One line of the form for a new document. */
export function signerInputs(index, [firstname, lastname]) {
  const input = (field, label, value, type = 'text') =>
    element('input', {
      'data-field': field,
      'aria-label': `${label} of signer ${index}`,
      value,
      type,
      required: true,
      maxlength: 60,
    });
  const email = `${firstname}.${lastname}@example.com`.toLowerCase();
  return element(
    'li',
    {},
    input('firstname', 'First name', firstname),
    input('lastname', 'Last name', lastname),
    input('email', 'E-mail', email, 'email'),
    action('Remove', { action: 'remove-signer' }, { describe: `Remove signer ${index}` }),
  );
}
