import { readFile } from 'node:fs/promises';
import Router from '@koa/router';

const FILES = {
  '/': 'index.html',
  '/page.css': 'page.css',
  '/page.js': 'page.js',
  '/render.js': 'render.js',
} as const;

/** Only the page's own files, and no frame around it. */
const POLICY =
  "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Serves the page, read once. */
export async function createPageRouter(): Promise<Router> {
  const router = new Router();
  for (const [path, name] of Object.entries(FILES)) {
    const content = await readFile(new URL(`page/${name}`, import.meta.url), 'utf8');
    router.get(path, (context) => {
      context.type = name.slice(name.lastIndexOf('.'));
      context.set('Content-Security-Policy', POLICY);
      context.set('Cache-Control', 'no-cache');
      context.body = content;
    });
  }
  return router;
}
