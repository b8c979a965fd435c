import { idempotencyKey, type Announcement } from '../../workflows/contract.js';
import { announcementText, type Fact } from './announcement-text.js';

/** An event as an e-mail, without addresses. */
export interface EmailMessage {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

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

function textOf(explanation: string, facts: readonly Fact[], key: string): string {
  const lines = facts.map(([label, value]) => `${label}: ${value}`);
  return [explanation, '', ...lines, '', `Reference: ${key}`, ''].join('\n');
}

function htmlOf(
  headline: string,
  explanation: string,
  facts: readonly Fact[],
  key: string,
): string {
  const rows = facts.map(
    ([label, value]) =>
      `<tr><th align="left">${escapeHtml(label)}</th><td>${escapeHtml(value)}</td></tr>`,
  );
  return [
    '<!doctype html><html lang="en"><body style="font-family: sans-serif">',
    `<h1 style="font-size: 1.2em">${escapeHtml(headline)}</h1>`,
    `<p>${escapeHtml(explanation)}</p>`,
    `<table cellpadding="4">${rows.join('')}</table>`,
    `<p><small>Reference: ${escapeHtml(key)}</small></p>`,
    '</body></html>',
  ].join('\n');
}

/** The event as subject, plain text and HTML, all saying the same. */
export function emailMessage(announcement: Announcement): EmailMessage {
  const { headline, explanation, subject, facts } = announcementText(announcement);
  const key = idempotencyKey(announcement);
  return {
    subject: `${headline}: ${subject}`,
    text: textOf(explanation, facts, key),
    html: htmlOf(headline, explanation, facts, key),
  };
}
