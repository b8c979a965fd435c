#!/usr/bin/env node
/** Starts the command line: from the compiled build, or with tsx from sources newer than that. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { URL } from 'node:url';

const root = new URL('../', import.meta.url);
const compiled = new URL('build/cli/run-process.js', root);
const source = new URL('run-process.ts', import.meta.url);

/** Of the folders that the build is compiled from: the newest file's time, in ms. */
function newestSourceMs() {
  const folders = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !/^(\.|node_modules$|build$|test$)/.test(entry.name))
    .map(({ name }) => new URL(`${name}/`, root));
  const times = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => statSync(new URL(name, folder)).mtimeMs),
  );
  return Math.max(...times);
}

function isCompiled() {
  if (!existsSync(source)) return true;
  return existsSync(compiled) && statSync(compiled).mtimeMs > newestSourceMs();
}

if (isCompiled()) {
  await import(compiled.href);
} else {
  await import('tsx');
  await import(source.href);
}
