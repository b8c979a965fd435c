/** Real Chromium, where it is installed. */
import { existsSync } from 'node:fs';
import { chromium, type Page } from 'playwright-core';
import type { WithEnd } from './all-in-one-child.js';

const CHROMIUM = '/usr/bin/chromium';

/** For the `skip` option of a test: why there is no browser, or false. */
export const noBrowser: string | false = existsSync(CHROMIUM)
  ? false
  : `no Chromium at ${CHROMIUM}: the pages were not driven`;

/** No action of a page takes longer, on a machine that is not in need. */
const ACTION_LIMIT_MS = 15_000;

/** How the window is to look. */
export interface Look {
  readonly width?: number;
  readonly height?: number;
  readonly colorScheme?: 'light' | 'dark';
}

/** A page, and all that went wrong on it. */
export interface WatchedPage {
  readonly page: Page;
  /** Errors on the console, exceptions, requests that failed or were answered 400 or above. */
  readonly troubles: readonly string[];
}

/** Opens an address in a browser that ends with the test. */
export async function openPage(
  context: WithEnd,
  url: string,
  { width = 1280, height = 900, colorScheme = 'light' }: Look = {},
): Promise<WatchedPage> {
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    timeout: 30_000,
    args: [
      ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
      ...['--disable-background-networking', '--disable-component-update'],
    ],
  });
  context.after(() => browser.close());
  const page = await browser.newPage({ viewport: { width, height }, colorScheme });
  page.setDefaultTimeout(ACTION_LIMIT_MS);
  const troubles: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') troubles.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => troubles.push(`exception: ${error.message}`));
  page.on('requestfailed', (request) => {
    // A page that gives up its own request, because it asks anew, has no trouble.
    if (request.failure()?.errorText === 'net::ERR_ABORTED') return;
    troubles.push(`failed: ${request.method()} ${request.url()} ${request.failure()?.errorText}`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400) troubles.push(`${response.status()} ${response.url()}`);
  });
  // Neither page ever falls silent: what is expected on it is waited for, not the network.
  await page.goto(url, { waitUntil: 'domcontentloaded' });
  return { page, troubles };
}
