/** Headers that authenticate a call, and the texts in them that must never be shown. */
export interface Credentials {
  readonly headers: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
}

/**
 * The provider knows two kinds of key: `user:key`, sent as `ApiKey`, and `ak_…`, sent as `Bearer`
 * together with the organisation.
 * @throws Error where the key is of neither kind; the message does not repeat it
 */
export function credentialsOf(apiKey: string, organisation?: string): Credentials {
  const key = apiKey.trim();
  if (/^ak_[\x21-\x7e]+$/.test(key)) {
    const headers = {
      Authorization: `Bearer ${key}`,
      ...(organisation !== undefined && { 'X-Organisation': organisation.trim() }),
    };
    return { headers, secrets: [key] };
  }
  if (/^[\x21-\x7e]+:[\x21-\x7e]+$/.test(key)) {
    const secret = key.slice(key.indexOf(':') + 1);
    return { headers: { Authorization: `ApiKey ${key}` }, secrets: [key, secret] };
  }
  throw new Error('LEGALESIGN_API_KEY is neither of the form user:key nor ak_….');
}
