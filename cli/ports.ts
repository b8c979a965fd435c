import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';

/**
 * Whether something listens on this TCP port already, or binding it fails for another reason.
 * @returns undefined when it is free, else the system's reason, such as `EADDRINUSE`
 */
export async function portObstacle(host: string, port: number): Promise<string | undefined> {
  const server = createServer();
  try {
    await listen(server, host, port);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  } finally {
    server.close();
  }
}

/**
 * A TCP port on `host` that is free now and that the system gives to nobody else for a while.
 *
 * The trick is core's (its ephemeral servers): a connection closed from the server's side leaves
 * the port in TIME_WAIT, so that neither another bind to port 0 nor an outgoing connection gets it,
 * while a server that sets SO_REUSEADDR, as Go's do, can bind it.
 */
export async function pickFreePort(host: string): Promise<number> {
  const server = createServer((socket) => socket.end());
  await listen(server, host, 0);
  const { port } = server.address() as AddressInfo;
  const client = connect(port, host);
  client.resume();
  await once(client, 'close');
  server.close();
  return port;
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  server.listen({ host, port, exclusive: true });
  await once(server, 'listening');
}
