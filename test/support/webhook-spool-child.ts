/**
 * A process that appends to the spool in a folder for as long as it lives, and says on stdout, a
 * line each, what has been acknowledged. To be killed.
 */
import { pino } from 'pino';
import { CallbackSpool } from '../../webhook/spool/callback-spool.js';

const [folder = '', name = ''] = process.argv.slice(2);
const logger = pino({ level: 'silent' });
const spool = new CallbackSpool({ folder, limitBytes: 2 ** 30, logger });

let count = 0;
async function appendOn(): Promise<never> {
  for (;;) {
    count += 1;
    const text = `${name}-${count}`;
    await spool.append(Buffer.from(text.padEnd(500)));
    process.stdout.write(`${text}\n`);
  }
}
await Promise.all([appendOn(), appendOn(), appendOn()]);
