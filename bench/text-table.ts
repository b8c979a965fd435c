/** Tables for a terminal. Pure. */

/** Cells from left to right. */
export type Row = readonly (string | number)[];

/** Lines with columns of equal width; numbers, which follow the text, to the right. */
export function table(rows: readonly Row[]): string[] {
  const texts = rows.map((row) => row.map(String));
  const widths = (texts[0] ?? []).map((_, column) =>
    Math.max(...texts.map((row) => (row[column] ?? '').length)),
  );
  const isNumeric = widths.map((_, column) =>
    texts.slice(1).every((row) => /^[\d.]*$/.test(row[column] ?? '')),
  );
  return texts.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return isNumeric[column] ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd(),
  );
}
