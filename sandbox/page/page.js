import {
  callbackRow,
  choiceValue,
  documentCard,
  faultSwitches,
  signerInputs,
  subscriptionItem,
  total,
} from './render.js';

const POLL_MS = 1000;
const MESSAGE_MS = 5000;
const PEOPLE = [
  ['Ada', 'Lovelace'],
  ['Grace', 'Hopper'],
  ['Alan', 'Turing'],
  ['Barbara', 'Liskov'],
];

const byId = (id) => document.getElementById(id);
let revision = '';
let messageTimer;
let faultsShown = '';
/** What each part shows: only what changed is drawn anew, so that focus and selection stay. */
const drawn = new Map();

function say(text) {
  byId('message').textContent = text;
  clearTimeout(messageTimer);
  messageTimer = setTimeout(() => (byId('message').textContent = ''), MESSAGE_MS);
}

async function call(method, path, body) {
  const response = await fetch(path, {
    method,
    headers: { 'Content-Type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  if (response.status === 204) return undefined;
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error ?? `Status ${response.status}`);
  return answer;
}

/** Keeps the children of a list in step with the items, and the focus where it is. */
function drawList(parent, items, keyOf, draw, extra = () => '') {
  const focused = document.activeElement;
  const focus = parent.contains(focused) && { ...focused.dataset };
  const existing = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const wanted = items.map((item) => {
    const key = keyOf(item);
    const text = JSON.stringify(item) + extra(item);
    const old = existing.get(key);
    if (old && drawn.get(`${parent.id}/${key}`) === text) return old;
    drawn.set(`${parent.id}/${key}`, text);
    const made = draw(item);
    made.dataset.key = key;
    return made;
  });
  const keys = new Set(wanted.map((child) => child.dataset.key));
  for (const key of existing.keys()) if (!keys.has(key)) drawn.delete(`${parent.id}/${key}`);
  if (
    wanted.some((child, index) => parent.children[index] !== child) ||
    parent.children.length !== wanted.length
  ) {
    parent.replaceChildren(...wanted);
    if (focus?.action) restoreFocus(parent, focus);
  }
}

function restoreFocus(parent, { action, id }) {
  const same = parent.querySelector(`[data-action="${action}"][data-id="${id}"]`);
  same?.focus({ preventScroll: true });
}

function drawTotals({ totals, counters }) {
  byId('totals').replaceChildren(
    total('Documents', totals.documents),
    total('Signers', totals.signers),
    total('Callbacks', counters.sent),
  );
  byId('pending-entries').textContent = totals.pendingEntries;
  const parts = Object.entries(counters).filter(([, value]) => value > 0);
  const words = { forgedAccepted: 'forged accepted' };
  byId('counters').textContent = parts
    .map(([name, value]) => `${value} ${words[name] ?? name}`)
    .join(' · ');
}

function drawFaults(faults) {
  const text = JSON.stringify(faults);
  if (text === faultsShown) return;
  const focusedId = document.activeElement?.id;
  faultsShown = text;
  byId('faults-form').replaceChildren(...faultSwitches(faults));
  if (focusedId?.startsWith('fault-')) byId(focusedId)?.focus();
}

function emptyLine(parent, items, text) {
  if (items.length > 0) return;
  const line = document.createElement('p');
  line.className = 'empty';
  line.textContent = text;
  parent.replaceChildren(line);
}

function draw(state) {
  const links = state.workflowUrls ?? {};
  const documents = byId('documents');
  drawList(
    documents,
    state.documents,
    ({ id }) => id,
    (item) => documentCard(item, links[item.id]),
    ({ id }) => links[id],
  );
  emptyLine(documents, state.documents, 'No documents yet. Create one above.');
  drawList(byId('callbacks').tBodies[0], state.callbacks, ({ id }) => id, callbackRow);
  const subscriptions = byId('subscriptions');
  drawList(subscriptions, state.subscriptions, ({ id }) => id, subscriptionItem);
  emptyLine(subscriptions, state.subscriptions, 'Nobody has subscribed to callbacks.');
  drawTotals(state);
  drawFaults(state.faults);
}

async function refresh() {
  const state = await call('GET', `/sandbox/state?revision=${revision}`);
  if (!state) return;
  revision = state.revision;
  draw(state);
}

async function attempt(work) {
  try {
    await work();
    await refresh();
  } catch (error) {
    say(error.message);
  }
}

/** Back means: invited again, as after a reset. */
const BACK_TO = 'sent';

const ACTIONS = {
  advance: (id) => call('POST', `/sandbox/signers/${id}/advance`, {}),
  back: (id) => call('POST', `/sandbox/signers/${id}/advance`, { status: BACK_TO }),
  bounce: (id) => call('POST', `/sandbox/signers/${id}/bounce`, {}),
  reject: (id) => {
    const reason = prompt('Why does this signer reject?', 'The price is not what we agreed on');
    if (reason === null) return undefined;
    return call('POST', `/sandbox/signers/${id}/advance`, { status: 'rejected', reason });
  },
  complete: (id) => call('POST', `/sandbox/documents/${id}/complete`, { visit: true }),
  remove: (id) => call('POST', `/sandbox/documents/${id}/remove`, {}),
  resend: (id) => call('POST', `/sandbox/callbacks/${id}/resend`, {}),
  'show-callback': showCallback,
};

async function showCallback(id) {
  const { headers, body, url } = await call('GET', `/sandbox/callbacks/${id}`);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  byId('callback-content').textContent = [`POST ${url}`, ...lines, '', body].join('\n');
  byId('callback-dialog').showModal();
}

function addSigner() {
  const rows = byId('signer-rows');
  const count = rows.children.length;
  rows.append(signerInputs(count + 1, PEOPLE[count % PEOPLE.length]));
}

function requestedDocument() {
  const signers = [...byId('signer-rows').children].map((row, index) => {
    const fields = [...row.querySelectorAll('input')].map((input) => [
      input.dataset.field,
      input.value,
    ]);
    return { ...Object.fromEntries(fields), order: index };
  });
  return {
    name: byId('document-name').value,
    group: byId('document-group').value,
    tag: byId('document-tag').value,
    signersInOrder: byId('in-order').checked,
    signers,
  };
}

document.addEventListener('click', (event) => {
  const button = event.target.closest('[data-action]');
  if (!button) return;
  const { action, id } = button.dataset;
  if (action === 'remove-signer') {
    if (byId('signer-rows').children.length > 1) button.closest('li').remove();
    return;
  }
  void attempt(() => ACTIONS[action](id));
});

byId('create-form').addEventListener('submit', (event) => {
  event.preventDefault();
  void attempt(async () => {
    const { id } = await call('POST', '/sandbox/documents', requestedDocument());
    say(`Document ${id} is on its way to its signers.`);
  });
});

byId('faults-form').addEventListener('change', ({ target }) => {
  const patch = { [target.dataset.fault]: choiceValue(target.value, target.dataset.kind) };
  void attempt(() => call('PATCH', '/sandbox/faults', patch));
});

byId('faults-off').addEventListener(
  'click',
  () => void attempt(() => call('PUT', '/sandbox/faults', {})),
);
byId('flush-callbacks').addEventListener(
  'click',
  () => void attempt(() => call('POST', '/sandbox/callbacks/flush')),
);
byId('add-signer').addEventListener('click', addSigner);
byId('close-callback').addEventListener('click', () => byId('callback-dialog').close());

addSigner();
addSigner();

async function poll() {
  if (!document.hidden) await attempt(() => undefined);
  setTimeout(poll, POLL_MS);
}
void poll();
