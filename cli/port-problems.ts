import { portObstacle } from './ports.js';

/** A port that a part of ours is going to listen on. */
export interface WantedPort {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** The variable that moves it. */
  readonly variable: string;
}

/** One line for every port that cannot be had, so that all are known before anything starts. */
export async function portProblems(wanted: readonly WantedPort[]): Promise<string[]> {
  const fixed = wanted.filter(({ port }) => port !== 0);
  const problems: string[] = [];
  for (const [index, each] of fixed.entries()) {
    const rival = fixed.slice(0, index).find(({ port }) => port === each.port);
    const problem = rival
      ? `port ${each.port} is wanted twice, by ${rival.variable} and ${each.variable}`
      : await problemOf(each);
    if (problem !== undefined) problems.push(problem);
  }
  return problems;
}

async function problemOf({ host, port, variable }: WantedPort): Promise<string | undefined> {
  const obstacle = await portObstacle(host, port);
  if (obstacle === undefined) return undefined;
  return obstacle === 'EADDRINUSE'
    ? `port ${port} is in use: end what listens there, or set ${variable} to another`
    : `port ${port} of ${host} cannot be used (${obstacle}): see ${variable}`;
}
