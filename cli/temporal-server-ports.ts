import { TEMPORAL_PORT_VARIABLES } from './development-ports.js';
import { pickFreePort, portObstacle } from './ports.js';
import { TemporalServerError } from './temporal-server-failure.js';

/** The ports of a server that is about to start. */
export interface ServerPorts {
  readonly port: number;
  readonly uiPort?: number;
}

/**
 * Checks that the wanted ports are free and picks those given as 0.
 * @throws {TemporalServerError} names every port that is not free
 */
export async function placePorts(host: string, wanted: ServerPorts): Promise<ServerPorts> {
  const troubles = [
    await portTrouble(host, wanted.port, TEMPORAL_PORT_VARIABLES.port),
    await portTrouble(host, wanted.uiPort ?? 0, TEMPORAL_PORT_VARIABLES.uiPort),
  ].filter((trouble) => trouble !== undefined);
  if (troubles.length > 0) throw new TemporalServerError(troubles.join('; '));
  const port = wanted.port === 0 ? await pickFreePort(host) : wanted.port;
  const uiPort = wanted.uiPort === 0 ? await pickFreePort(host) : wanted.uiPort;
  return { port, ...(uiPort !== undefined && { uiPort }) };
}

async function portTrouble(
  host: string,
  port: number,
  variable: string,
): Promise<string | undefined> {
  const obstacle = port === 0 ? undefined : await portObstacle(host, port);
  if (obstacle === undefined) return undefined;
  const why = obstacle === 'EADDRINUSE' ? 'is in use' : `cannot be used (${obstacle})`;
  return `port ${port} on ${host}, wanted for the Temporal server, ${why}: set ${variable} to another`;
}
