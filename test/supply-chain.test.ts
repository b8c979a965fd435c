import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { productionOnly, type BillOfMaterials } from './support/sbom.js';

interface LockedPackage {
  /** Where it is another than its folder's. */
  readonly name?: string;
  readonly dev?: boolean;
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly hasInstallScript?: boolean;
  readonly link?: boolean;
}

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

/** Each lets us and everybody use, change and hand on, in a product of any kind. */
const LICENCES = new Set([
  ...['MIT', 'MIT-0', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'Unlicense'],
  ...['BlueOak-1.0.0', 'Apache-2.0 AND MIT', '(MIT AND Zlib)'],
]);

/** Not in that list, each with the reason why it is no matter. */
const LICENCES_EXPLAINED = new Map([
  // Data on browsers, which the workflow bundler reads and which no bundle of ours contains.
  ['caniuse-lite', 'CC-BY-4.0'],
  // Says it in its LICENSE file alone: the Unlicense.
  ['unionfs', undefined],
]);

/** Both only check or fetch the binary that comes as an optional package; protobufjs prints. */
const INSTALL_SCRIPTS_NOT_NEEDED = ['@swc/core', 'esbuild', 'fsevents', 'protobufjs'];

async function json(name: string): Promise<unknown> {
  return JSON.parse(await readFile(new URL(`../${name}`, import.meta.url), 'utf8'));
}

const { packages } = (await json('package-lock.json')) as {
  packages: Record<string, LockedPackage>;
};
const locked = Object.entries(packages).filter(([path]) => path !== '');

function nameOf(path: string): string {
  return path.replace(/^.*node_modules\//, '');
}

test('every package is locked to its content, and to no registry', () => {
  assert.ok(locked.length > 300);
  for (const [path, { integrity, resolved }] of locked) {
    assert.match(integrity ?? '', /^sha512-/, path);
    assert.equal(resolved, undefined, path);
  }
});

test('no install script is needed', () => {
  const scripts = locked.filter(([, { hasInstallScript }]) => hasInstallScript === true);
  const unknown = scripts
    .map(([path]) => nameOf(path))
    .filter((name) => !INSTALL_SCRIPTS_NOT_NEEDED.includes(name));
  assert.deepEqual(unknown, []);
});

test('every licence is compatible, or its exception is explained', () => {
  const odd = locked.filter(([path, { license }]) => {
    const name = nameOf(path);
    if (LICENCES_EXPLAINED.has(name)) return LICENCES_EXPLAINED.get(name) !== license;
    return license === undefined || !LICENCES.has(license);
  });
  assert.deepEqual(
    odd.map(([path, { license }]) => `${path}: ${license ?? 'none'}`),
    [],
  );
});

test("Temporal's packages are pinned to one and the same version", async () => {
  const { dependencies, devDependencies } = (await json('package.json')) as Manifest;
  const wanted = Object.entries({ ...dependencies, ...devDependencies }).filter(([name]) =>
    name.startsWith('@temporalio/'),
  );
  const versions = new Set(wanted.map(([, range]) => range));
  assert.deepEqual([...versions], [dependencies['@temporalio/client']]);
  assert.match([...versions].join(), /^\d+\.\d+\.\d+$/);
});

test('each dependency earns its place in the README', async () => {
  const { dependencies } = (await json('package.json')) as Manifest;
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  const unnamed = Object.keys(dependencies).filter(
    (name) => !/^@(temporalio|types)\//.test(name) && !readme.includes(`\`${name}\``),
  );
  assert.deepEqual(unnamed, []);
});

const root = fileURLToPath(new URL('../', import.meta.url));

/** Names with versions of installed packages; those for other systems are locked, not installed. */
function installed(isWanted: (locked: LockedPackage) => boolean): Set<string> {
  const wanted = locked.filter(
    ([path, each]) => isWanted(each) && existsSync(`${root}${path}/package.json`),
  );
  return new Set(
    wanted.map(([path, { name, version }]) => `${name ?? nameOf(path)}@${version ?? ''}`),
  );
}

function without(all: ReadonlySet<string>, some: ReadonlySet<string>): string[] {
  return [...all].filter((each) => !some.has(each));
}

test('the bill of materials holds what production has installed, and nothing else', async () => {
  // As somebody sets it who wants the bill of production, and would lose half of it.
  const env = { ...process.env, NODE_ENV: 'production' };
  const { stdout } = await promisify(execFile)('npm', ['run', '-s', 'sbom'], {
    ...{ cwd: root, env, maxBuffer: 64 * 1024 ** 2 },
  });
  const bill = JSON.parse(stdout) as BillOfMaterials & { bomFormat: string };
  assert.equal(bill.bomFormat, 'CycloneDX');
  const refs = new Set(bill.components.map((component) => component['bom-ref']));
  const production = installed(({ dev }) => dev !== true);
  assert.ok(production.size > 300);
  assert.deepEqual(without(production, refs), [], 'missing');
  assert.deepEqual(without(refs, production), [], 'in development only');
  const own = bill.dependencies.find(({ ref }) => ref.startsWith('countersign@'));
  const named = new Set(bill.dependencies.flatMap(({ ref, dependsOn }) => [ref, ...dependsOn]));
  assert.deepEqual(without(named, refs), [own?.ref]);
  const { dependencies } = (await json('package.json')) as Manifest;
  const direct = new Set(own?.dependsOn.map((ref) => ref.replace(/@[^@]+$/, '')));
  assert.deepEqual(without(new Set(Object.keys(dependencies)), direct), []);
});

test('a package of development is taken out of the bill, and out of what needs it', () => {
  const component = (ref: string, ...properties: string[]) => ({
    ...{ 'bom-ref': ref, properties: properties.map((name) => ({ name, value: 'true' })) },
  });
  const kept = [component('a@1'), component('b@1', 'cdx:npm:package:bundled')];
  const bill = {
    serialNumber: 'urn:uuid:1',
    components: [...kept, component('c@1', 'cdx:npm:package:development')],
    dependencies: [
      { ref: 'root@1', dependsOn: ['a@1', 'c@1'] },
      { ref: 'a@1', dependsOn: ['b@1'] },
      { ref: 'c@1', dependsOn: ['b@1'] },
    ],
  };
  assert.deepEqual(productionOnly(bill), {
    serialNumber: 'urn:uuid:1',
    components: kept,
    dependencies: [
      { ref: 'root@1', dependsOn: ['a@1'] },
      { ref: 'a@1', dependsOn: ['b@1'] },
    ],
  });
});
