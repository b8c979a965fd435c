import { idempotencyKey, type Announcement } from '../../workflows/contract.js';
import { announcementText } from './announcement-text.js';
import { PLACEHOLDER } from './email-templates.js';
import type {
  DOCUMENT_PLACEHOLDERS,
  EmailTemplates,
  Placeholder,
  TemplatePart,
} from './email-templates.js';

/** An event as an e-mail, without addresses. */
export interface EmailMessage {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** What stands where no file does. `{{…}}` are placeholders. */
const BUILT_IN: Readonly<Record<TemplatePart, string>> = {
  'subject.txt': '{{headline}}: {{subject}}',
  txt: ['{{explanation}}', '', '{{facts}}', '', 'Reference: {{key}}', ''].join('\n'),
  html: [
    '<!doctype html><html lang="en"><body style="font-family: sans-serif">',
    '<h1 style="font-size: 1.2em">{{headline}}</h1>',
    '<p>{{explanation}}</p>',
    '{{facts}}',
    '<p><small>Reference: {{key}}</small></p>',
    '</body></html>',
  ].join('\n'),
};

/** HTML's five special characters as entities: tags and reasons are other people's words. */
export function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}

/** The event as subject, plain text and HTML, by the given templates where there are any. */
export function emailMessage(
  announcement: Announcement,
  templates: EmailTemplates = new Map(),
): EmailMessage {
  const subject = renderTemplate(templates, 'subject.txt', announcement);
  return {
    subject: subject.replace(/\s+/g, ' ').trim(),
    text: renderTemplate(templates, 'txt', announcement),
    html: renderTemplate(templates, 'html', announcement),
  };
}

/** A part of the message of an event; other people's words are escaped in HTML. */
function renderTemplate(
  templates: EmailTemplates,
  part: TemplatePart,
  announcement: Announcement,
): string {
  const { event } = announcement;
  const template =
    templates.get(`${event}.${part}`) ?? templates.get(`default.${part}`) ?? BUILT_IN[part];
  const values = valuesOf(announcement, part);
  return template.replace(PLACEHOLDER, (_, name: string) => values[name.trim() as Placeholder]);
}

function valuesOf(
  announcement: Announcement,
  part: TemplatePart,
): Readonly<Record<Placeholder, string>> {
  const { headline, explanation, subject, facts } = announcementText(announcement);
  const { event, occurredAt, reason = '' } = announcement;
  const key = idempotencyKey(announcement);
  const words = { event, headline, explanation, subject, key, occurredAt, reason };
  const values = { ...words, ...documentValues(announcement) };
  if (part !== 'html') {
    return { ...values, facts: facts.map(([label, value]) => `${label}: ${value}`).join('\n') };
  }
  const rows = facts.map(
    ([label, value]) =>
      `<tr><th align="left">${escapeHtml(label)}</th><td>${escapeHtml(value)}</td></tr>`,
  );
  const escaped = Object.entries(values).map(([name, value]) => [name, escapeHtml(value)] as const);
  return {
    ...(Object.fromEntries(escaped) as typeof values),
    facts: `<table cellpadding="4">${rows.join('')}</table>`,
  };
}

function documentValues(
  announcement: Announcement,
): Readonly<Record<(typeof DOCUMENT_PLACEHOLDERS)[number], string>> {
  const about = 'subject' in announcement ? undefined : announcement;
  return {
    documentId: about?.documentId ?? '',
    status: about?.status ?? '',
    group: about?.group ?? '',
    tag: about?.tag ?? '',
    rejectedBy: about?.rejection?.signerId ?? '',
    rejectionReason: about?.rejection?.reason ?? '',
    archivedAt: about?.archive?.archivedAt ?? '',
    sha256: about?.archive?.providerHash ?? '',
  };
}
