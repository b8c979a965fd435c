import type { ProviderClient } from '../provider/provider-client.js';
import type { CommandCall } from './command.js';
import { readInstallation } from './installation.js';

/** Reaches the provider as the call's environment says, or the sandbox in its place. */
export async function withProvider<Answer>(
  { environment, terminal }: Pick<CommandCall, 'environment' | 'terminal'>,
  use: (provider: ProviderClient) => Promise<Answer>,
): Promise<Answer> {
  const { createProviderClient } = await import('../provider/provider-client.js');
  const { provider: options, sandboxUrl } = await readInstallation(environment);
  if (sandboxUrl !== undefined) {
    terminal.note(`LEGALESIGN_API_KEY is not set: this is the sandbox at ${sandboxUrl}`);
  }
  if (!options) throw new Error('LEGALESIGN_API_KEY is not set');
  const provider = createProviderClient(options);
  try {
    return await use(provider);
  } finally {
    provider.close();
  }
}
