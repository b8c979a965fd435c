/** More differences than this, and the word was meant otherwise. */
const MAX_DISTANCE = 2;

/** The known word that somebody may have meant; undefined where none is near. */
export function suggestion(word: string, known: readonly string[]): string | undefined {
  const begun = known.filter((each) => word.length >= 2 && each.startsWith(word));
  if (begun.length === 1) return begun[0];
  const [nearest] = known
    .map((each) => ({ each, distance: editDistance(word, each) }))
    .filter(({ each, distance }) => distance <= Math.min(MAX_DISTANCE, each.length - 1))
    .sort((a, b) => a.distance - b.distance);
  return nearest?.each;
}

/** Levenshtein's: insertions, deletions and replacements. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of Array.from(a).entries()) {
    const next = [i + 1];
    for (const [j, other] of Array.from(b).entries()) {
      const replaced = (row[j] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
