/**
 * A process that starts a Temporal server and waits to be killed: the test of what becomes of the
 * server then. Writes the server's process ID and address to stdout, as JSON in one line.
 */
import { startTemporalServer } from '../../cli/temporal-server.js';
import { findTestBinary } from './temporal.js';

// As a terminal would send it to all of the process group.
process.on('SIGINT', () => {
  process.stdout.write('interrupted\n');
});

const { pid, address } = await startTemporalServer({
  binary: await findTestBinary(),
  port: 0,
  onExit: (reason) => {
    process.stdout.write(`${reason}\n`);
  },
});
process.stdout.write(`${JSON.stringify({ pid, address })}\n`);
