import { idempotencyKey, type Announcement } from '../../workflows/contract.js';
import { announcementText, type Fact } from './announcement-text.js';

/** Slack refuses a longer text in one block (3,000 characters, escaped). */
const MAX_BLOCK_LENGTH = 3_000;

/** One value must not push the others out of the message. */
const MAX_VALUE_LENGTH = 500;

/** What an incoming webhook of Slack takes. */
export interface SlackMessage {
  /** Shown in notifications, and by whatever does not know blocks. */
  readonly text: string;
  readonly blocks: readonly SlackBlock[];
  readonly unfurl_links: false;
  readonly unfurl_media: false;
}

type SlackBlock =
  | { readonly type: 'section'; readonly text: SlackText }
  | { readonly type: 'context'; readonly elements: readonly SlackText[] };

/** `verbatim`: no links, mentions or channels are made of plain words. */
interface SlackText {
  readonly type: 'mrkdwn';
  readonly text: string;
  readonly verbatim: true;
}

/** The three characters that mean something to Slack: without them there is no mention, no link. */
export function escapeSlack(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function mrkdwn(text: string): SlackText {
  return { type: 'mrkdwn', text, verbatim: true };
}

/** Other people's words on one line, cut before they are escaped so that no entity is cut. */
function words(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  if (line.length <= MAX_VALUE_LENGTH) return escapeSlack(line);
  const cut = line.slice(0, MAX_VALUE_LENGTH - 1).replace(/[\uD800-\uDBFF]$/, '');
  return escapeSlack(`${cut}…`);
}

/** As many lines as fit, and how many did not. */
function factLines(facts: readonly Fact[]): string {
  const lines = facts.map(([label, value]) => `*${words(label)}:* ${words(value)}`);
  let length = 0;
  // The last line says what is missing.
  const fitting = lines.filter((line) => (length += line.length + 1) < MAX_BLOCK_LENGTH - 30);
  const missing = lines.length - fitting.length;
  return [...fitting, ...(missing > 0 ? [`… and ${missing} more`] : [])].join('\n');
}

/** The event as a message for Slack. Slack drops no repetition: the reference tells people. */
export function slackMessage(announcement: Announcement): SlackMessage {
  const { headline, explanation, subject, facts } = announcementText(announcement);
  const title = `*${escapeSlack(headline)}*: ${words(subject)}`;
  return {
    text: `${escapeSlack(headline)}: ${words(subject)}`,
    blocks: [
      { type: 'section', text: mrkdwn(`${title}\n${escapeSlack(explanation)}`) },
      { type: 'section', text: mrkdwn(factLines(facts)) },
      {
        type: 'context',
        elements: [mrkdwn(`Reference: ${words(idempotencyKey(announcement))}`)],
      },
    ],
    unfurl_links: false,
    unfurl_media: false,
  };
}
