import { createPublicKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { readPublicKeys, sha1Problem } from '../../webhook/certificates.js';
import { oneLine, ok, problem, skipped, warning, type Check, type Verdict } from './check.js';

const DAY_MS = 86_400_000;

/** Time enough to ask the provider for the next certificate. */
const EXPIRES_SOON_MS = 30 * DAY_MS;

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

const ASK_FOR_ANOTHER =
  'The key is pinned and still verifies; ask the provider for its present certificate and set ' +
  'both in LEGALESIGN_CERTIFICATES.';

/** Whether the certificates can be read, and until when they say they are valid. */
export function certificatesCheck(paths: readonly string[], nowMs: number): Check {
  return {
    name: 'certificates',
    run: async () => {
      if (paths.length === 0) return skipped('LEGALESIGN_CERTIFICATES is not set');
      const verdicts = await Promise.all(paths.map((path) => verdictOf(path, nowMs)));
      return worstOf(verdicts);
    },
  };
}

async function verdictOf(path: string, nowMs: number): Promise<Verdict> {
  try {
    readPublicKeys(path);
  } catch (error) {
    return problem(oneLine(error), 'Name PEM files of the provider in LEGALESIGN_CERTIFICATES.');
  }
  const pems = (await readFile(path, 'utf8')).match(PEM_CERTIFICATE) ?? [];
  const ends = pems.map((pem) => Date.parse(new X509Certificate(pem).validTo));
  // Of bare public keys, nothing says until when.
  if (ends.length === 0) return ok(`${path}: a public key`);
  const endMs = Math.min(...ends);
  const day = new Date(endMs).toISOString().slice(0, 10);
  if (endMs <= nowMs) return warning(`${path} expired on ${day}`, ASK_FOR_ANOTHER);
  if (endMs - nowMs < EXPIRES_SOON_MS) {
    return warning(`${path} expires on ${day}`, ASK_FOR_ANOTHER);
  }
  return ok(`${path}: valid until ${day}`);
}

/** The verdict of several: as bad as the worst, and saying all that are as bad. */
export function worstOf(verdicts: readonly Verdict[]): Verdict {
  const order = ['problem', 'warning', 'ok', 'skipped'] as const;
  const state = order.find((each) => verdicts.some((verdict) => verdict.state === each)) ?? 'ok';
  const worst = verdicts.filter((verdict) => verdict.state === state);
  return {
    state,
    found: worst.map(({ found }) => found).join('; '),
    todo: [...new Set(worst.map(({ todo }) => todo))].join(' '),
  };
}

// An RSA key of 2048 bits, made for this question alone: whose it is does not matter to a policy.
const ANY_KEY = `-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA0oKYBma3FcWbAWJeeJA+
ODn3DQo2/jWyZh2//L53GPn7HIUu6D9/bMaJAPkl44cPbqwEfMlc578zelNut3vS
1Mxs1afAdesHoULJCMwI8cfu4Me3AK1kI+qIqFRqrXMEztiAxpjwmc6LbnhBEWaI
z9HU2Sqgd73xE4gvm3F7XVxbaVTN9cS9MqnWjFpxqw5mrKMorpeoK4xt3kvNxo6E
i+2j9Il7/z5ck14NGcScNfu5QyiqPrLZXJbj0cEMRxqbaGn0BvXWS6JINZ4jBbOb
ZrMXmmml3Jld9ejVFG07KVwNwlLloOS7KD3zCTpsmELejtt1rTJwMPaAr7konBaI
TQIDAQAB
-----END PUBLIC KEY-----`;

/** Whether this system's policy lets RSA with SHA-1 be verified, which the provider signs with. */
export function sha1Check(): Check {
  return {
    name: 'SHA-1 allowed',
    run: () => {
      const refused = sha1Problem(createPublicKey(ANY_KEY));
      const [found = '', todo = ''] = (refused ?? '').split(/: (?=allow)/);
      return Promise.resolve(
        refused === undefined ? ok('RSA with SHA-1 verifies') : problem(found, todo),
      );
    },
  };
}
