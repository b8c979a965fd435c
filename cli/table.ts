/** Tables for people. Pure. */
import { painted, plainLine } from './terminal.js';
import type { Colour, Terminal } from './terminal.js';

/** One column of a table of `Row`s. */
export interface Column<Row> {
  readonly title: string;
  /** Undefined and empty are shown as a dash. */
  text(row: Row): string | number | undefined;
  colour?(row: Row): Colour | undefined;
  /** Numbers stand better on the right. */
  readonly isNumber?: boolean;
}

const GAP = '  ';

/**
 * The lines of a table with its heading. On a terminal too narrow for it the last column is cut;
 * elsewhere nothing is.
 */
export function tableLines<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  terminal: Pick<Terminal, 'hasColour' | 'isInteractive' | 'width'>,
): readonly string[] {
  const cells = rows.map((row) => columns.map((column) => cellText(column.text(row))));
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...cells.map((line) => line[index]?.length ?? 0)),
  );
  const lastRoom = terminal.isInteractive ? roomForLast(widths, terminal.width) : Infinity;
  const line = (
    texts: readonly string[],
    colourOf: (index: number) => Colour | undefined,
  ): string =>
    texts
      .map((text, index) => {
        const isLast = index === columns.length - 1;
        const width = widths[index] ?? 0;
        const fitted = isLast ? shortened(text, lastRoom) : text;
        const space = ' '.repeat(Math.max(0, width - fitted.length));
        const colour = painted(terminal, colourOf(index), fitted);
        return columns[index]?.isNumber === true ? space + colour : colour + (isLast ? '' : space);
      })
      .join(GAP);
  return [
    line(
      columns.map(({ title }) => title.toUpperCase()),
      () => 'grey',
    ),
    ...rows.map((row, index) => line(cells[index] ?? [], (at) => columns[at]?.colour?.(row))),
  ];
}

/** Lines of names and what stands for them; what is undefined is left out. */
export function pairLines(
  pairs: readonly (readonly [name: string, text: string | number | undefined])[],
  terminal: Pick<Terminal, 'hasColour'>,
): readonly string[] {
  const shown = pairs.filter(([, text]) => text !== undefined && text !== '');
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown.map(
    ([name, text]) =>
      `${painted(terminal, 'grey', name.padEnd(width))}${GAP}${plainLine(String(text))}`,
  );
}

function cellText(text: string | number | undefined): string {
  const plain = plainLine(String(text ?? ''));
  return plain === '' ? '–' : plain;
}

function roomForLast(widths: readonly number[], width: number): number {
  const before = widths.slice(0, -1).reduce((sum, each) => sum + each + GAP.length, 0);
  // A column too narrow to say anything wraps instead.
  return Math.max(8, width - before);
}

function shortened(text: string, room: number): string {
  return text.length <= room ? text : `${text.slice(0, room - 1)}…`;
}
