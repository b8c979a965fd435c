import { createPublicKey, verify, X509Certificate, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** Below this, RSA is within reach of an attacker with means. The provider's key has 4096. */
const MIN_MODULUS_BITS = 2048;

const PEM_BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]+?-----END \1-----/g;

/**
 * The RSA keys of a PEM file: of every certificate in it, and bare public keys. A certificate is
 * taken as a pinned key: who issued it and until when does not matter.
 * @throws Error with one line on what is wrong with the file
 */
export function readPublicKeys(path: string): readonly KeyObject[] {
  const blocks = [...readPem(path).matchAll(PEM_BLOCK)];
  if (blocks.length === 0) throw new Error(`${path} holds no PEM certificate or public key`);
  return blocks.map(([pem, label = '']) => {
    const key = readKey(path, label, pem);
    checkStrength(path, key);
    return key;
  });
}

function readPem(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Error(`${path} cannot be read`, { cause: error });
  }
}

function readKey(path: string, label: string, pem: string): KeyObject {
  if (label.includes('PRIVATE')) {
    throw new Error(`${path} holds a private key: only certificates and public keys belong here`);
  }
  try {
    return label === 'CERTIFICATE' ? new X509Certificate(pem).publicKey : createPublicKey(pem);
  } catch (error) {
    throw new Error(`${path} holds a ${label} that cannot be read`, { cause: error });
  }
}

function checkStrength(path: string, key: KeyObject): void {
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (key.asymmetricKeyType === 'rsa' && bits >= MIN_MODULUS_BITS) return;
  throw new Error(`${path} holds a key that is not RSA of at least ${MIN_MODULUS_BITS} bits`);
}

/**
 * What is wrong with this system's SHA-1, if anything. Some crypto policies switch it off for
 * signatures: then the question itself throws, whatever the signature.
 */
export function sha1Problem(key: KeyObject, ask: typeof verify = verify): string | undefined {
  try {
    ask('sha1', Buffer.from('question'), key, Buffer.alloc(512));
    return undefined;
  } catch {
    return (
      "this system's crypto policy forbids RSA with SHA-1, which the provider signs with: allow " +
      'it for this process (on RHEL: update-crypto-policies --set DEFAULT:SHA1)'
    );
  }
}
