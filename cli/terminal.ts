/** Where a command writes to. */
export interface Terminal {
  /** A line on stdout: what was asked for. */
  readonly print: (line: string) => void;
  /** A line on stderr: what goes beside it. */
  readonly note: (line: string) => void;
  /** Text on stdout as it is. */
  readonly write: (text: string) => void;
  /** Somebody looks at stdout as it is written. */
  readonly isInteractive: boolean;
  readonly hasColour: boolean;
  /** Columns of stdout. */
  readonly width: number;
}

const CODES = { red: 31, green: 32, yellow: 33, cyan: 36, grey: 90, bold: 1 } as const;

export type Colour = keyof typeof CODES;

/** The text in a colour, where the terminal has any. */
export function painted(
  { hasColour }: Pick<Terminal, 'hasColour'>,
  colour: Colour | undefined,
  text: string,
): string {
  if (!hasColour || colour === undefined || text === '') return text;
  return `\u001b[${CODES[colour]}m${text}\u001b[0m`;
}

/** Text from outside without what would move a terminal's cursor, a new line too. */
export function plainText(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').trimEnd();
}

/** The same, without space around it. */
export function plainLine(text: string): string {
  return plainText(text).trim();
}
