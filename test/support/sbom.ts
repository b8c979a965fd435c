/**
 * `npm run sbom`: a CycloneDX bill of materials of what runs in production, on stdout. npm's own
 * `--omit dev` leaves out whatever a development dependency reaches, too.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** The part of CycloneDX that is looked at. */
export interface BillOfMaterials {
  readonly components: readonly {
    readonly 'bom-ref': string;
    readonly properties: readonly { readonly name: string; readonly value: string }[];
  }[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

/** What npm says of a package that nothing but development dependencies need. */
const DEVELOPMENT = 'cdx:npm:package:development';

const MAX_BYTES = 64 * 1024 ** 2;

/** The bill without what production does without. */
export function productionOnly<T extends BillOfMaterials>(bill: T): T {
  const dropped = new Set(
    bill.components
      .filter(({ properties }) => properties.some(({ name }) => name === DEVELOPMENT))
      .map((component) => component['bom-ref']),
  );
  return {
    ...bill,
    components: bill.components.filter((component) => !dropped.has(component['bom-ref'])),
    dependencies: bill.dependencies
      .filter(({ ref }) => !dropped.has(ref))
      .map(({ ref, dependsOn }) => ({
        ref,
        dependsOn: dependsOn.filter((each) => !dropped.has(each)),
      })),
  };
}

/** Of what is installed here. @throws Error where something that package.json asks for is not */
export function readBill(): BillOfMaterials {
  // Included by name: NODE_ENV=production would omit them again.
  const words = ['sbom', '--sbom-format', 'cyclonedx', '--include', 'dev'];
  const text = execFileSync('npm', words, {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    encoding: 'utf8',
    maxBuffer: MAX_BYTES,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return productionOnly(JSON.parse(text) as BillOfMaterials);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  console.log(JSON.stringify(readBill(), null, 2));
}
