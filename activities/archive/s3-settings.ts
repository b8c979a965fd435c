/** How the server encrypts what it stores. */
export type S3Encryption =
  | { readonly kind: 'AES256' }
  /** Without a key, the bucket's or the account's default one. */
  | { readonly kind: 'aws:kms'; readonly keyId?: string | undefined };

/** For how long nobody can delete or replace what is archived (S3 Object Lock). */
export interface S3ObjectLock {
  /** `GOVERNANCE`: people with a special permission can. `COMPLIANCE`: nobody can. */
  readonly mode: 'GOVERNANCE' | 'COMPLIANCE';
  /** From the moment of archiving. */
  readonly days: number;
}

/** How an S3 server is spoken to. Credentials come from the SDK's default chain alone. */
export interface S3Settings {
  /** `https://host[:port]` of a compatible server; without it AWS, or what the SDK's chain says. */
  readonly endpoint?: string | undefined;
  /** Without it the SDK's chain; with an endpoint `us-east-1`, which compatible servers take. */
  readonly region?: string | undefined;
  /** Bucket in the path instead of the host name; so with an endpoint, unless told. */
  readonly forcePathStyle?: boolean | undefined;
  /** Without it, as the bucket prescribes. */
  readonly encryption?: S3Encryption | undefined;
  /** Without it, as the bucket prescribes. The bucket must have been created with object lock. */
  readonly objectLock?: S3ObjectLock | undefined;
}
