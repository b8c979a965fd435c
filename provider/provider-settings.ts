import type { Settings } from '../configuration/settings.js';
import { DEFAULT_API_URL } from './provider-client.js';
import type { ProviderClientOptions } from './provider-client.js';

/** The settings with which every process reaches the provider; problems are told to `settings`. */
export function readProviderSettings(settings: Settings): ProviderClientOptions {
  const apiKey = settings.text('LEGALESIGN_API_KEY') ?? '';
  const organisation = settings.text('LEGALESIGN_ORGANISATION');
  if (apiKey === '') {
    settings.problem('LEGALESIGN_API_KEY is not set: user:key, or ak_… with an organisation');
  } else if (apiKey.startsWith('ak_') && organisation === undefined) {
    settings.problem('LEGALESIGN_API_KEY is an ak_ key: set LEGALESIGN_ORGANISATION too');
  } else if (!apiKey.startsWith('ak_') && !/^[^:\s]+:\S+$/.test(apiKey)) {
    settings.problem('LEGALESIGN_API_KEY is neither user:key nor an ak_ key');
  }
  // 0: only the provider's own 429 slows us down.
  const callsPerMinute = settings.wholeNumber('LEGALESIGN_CALLS_PER_MINUTE', 0, {
    min: 0,
    max: 100_000,
  });
  const privateAddresses = settings.text('LEGALESIGN_PRIVATE_ADDRESSES');
  return {
    allowsPrivateAddresses:
      privateAddresses === undefined
        ? undefined
        : settings.oneOf('LEGALESIGN_PRIVATE_ADDRESSES', ['allow', 'refuse'], 'refuse') === 'allow',
    apiUrl: settings.url('LEGALESIGN_API_URL') ?? DEFAULT_API_URL,
    apiKey,
    organisation,
    timeoutMs: settings.durationMs('LEGALESIGN_TIMEOUT', '30s'),
    callsPerMinute: callsPerMinute === 0 ? undefined : callsPerMinute,
  };
}
