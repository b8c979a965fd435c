/** The key that signs callbacks, and the certificate with which receivers verify them. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { generate } from 'selfsigned';
import { writeFileAtomically } from './atomic-file.js';

/** A private key and its self-signed X.509 certificate. */
export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly certificatePem: string;
}

/** RSA: the provider's certificate has 4096 bits; 2048 are made and used several times faster. */
export type KeyBits = 2048 | 4096;

/** As long as the provider's own certificate runs. */
const VALID_YEARS = 20;

const KEY_FILE = 'signing-key.pem';
const CERTIFICATE_FILE = 'certificate.pem';

function yearsFromNow(years: number): Date {
  const date = new Date();
  date.setUTCFullYear(date.getUTCFullYear() + years);
  return date;
}

async function generatePems(bits: KeyBits): Promise<{ key: string; certificate: string }> {
  const pems = await generate([{ name: 'commonName', value: 'Countersign sandbox' }], {
    keySize: bits,
    algorithm: 'sha256',
    notAfterDate: yearsFromNow(VALID_YEARS),
  });
  return { key: pems.private, certificate: pems.cert };
}

function keyPairOf(pems: { key: string; certificate: string }): KeyPair {
  return { privateKey: createPrivateKey(pems.key), certificatePem: pems.certificate };
}

/** The absolute path of the certificate that `openKeyPair` keeps in a directory. */
export function certificateFileIn(directory: string): string {
  return path.resolve(directory, CERTIFICATE_FILE);
}

/** Makes a new key pair, off the main thread. */
export async function createKeyPair(bits: KeyBits = 2048): Promise<KeyPair> {
  return keyPairOf(await generatePems(bits));
}

async function readIfPresent(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Reads the key pair kept in a directory, or makes one and keeps it there, readable by its owner
 * alone.
 */
export async function openKeyPair(directory: string, bits: KeyBits = 2048): Promise<KeyPair> {
  const keyFile = path.join(directory, KEY_FILE);
  const certificateFile = certificateFileIn(directory);
  const [key, certificate] = await Promise.all([keyFile, certificateFile].map(readIfPresent));
  if (key && certificate) return keyPairOf({ key, certificate });
  const pems = await generatePems(bits);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  // The key last: where it stands, its certificate stands too.
  await writeFileAtomically(certificateFile, pems.certificate);
  await writeFileAtomically(keyFile, pems.key);
  return keyPairOf(pems);
}
