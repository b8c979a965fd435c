/** The variables by which each of our own servers is moved to another port. */
const VARIABLES: Readonly<Record<number, string>> = { 3000: 'WEBHOOK_PORT', 3001: 'SANDBOX_PORT' };

/** One line for a port that somebody else has; undefined for every other error. */
export function portProblem(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'EADDRINUSE') {
    return undefined;
  }
  const port = 'port' in error ? Number(error.port) : 0;
  const variable = VARIABLES[port] ?? 'WEBHOOK_PORT or SANDBOX_PORT';
  return `port ${port} is in use: end what listens there, or set ${variable}`;
}
