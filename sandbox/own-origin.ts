import type { Context } from 'koa';

/** The address under which the client reached the sandbox, without a slash at the end. */
export function ownOrigin(context: Context): string {
  return `${context.protocol}://${context.host}`;
}
