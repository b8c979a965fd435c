import type { ProviderClient } from '../provider/provider-client.js';
import type { CommandCall } from './command.js';
import { noteStandIn, readInstallation } from './installation.js';

/** Reaches the provider as the call's environment says, or the sandbox in its place. */
export async function withProvider<Answer>(
  { environment, terminal }: Pick<CommandCall, 'environment' | 'terminal'>,
  use: (provider: ProviderClient) => Promise<Answer>,
): Promise<Answer> {
  const { createProviderClient } = await import('../provider/provider-client.js');
  const installation = await readInstallation(environment);
  noteStandIn(installation, terminal);
  if (!installation.provider) throw new Error('LEGALESIGN_API_KEY is not set: user:key, or ak_…');
  const provider = createProviderClient(installation.provider);
  try {
    return await use(provider);
  } finally {
    provider.close();
  }
}
