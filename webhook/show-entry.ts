/** Enough to recognise an entry by. */
const SHOWN_MAX_LENGTH = 300;

/** JSON for people to read: cut, and without anything that looks like an e-mail address. */
export function showEntry(entry: unknown): string {
  return printed(entry)
    .replace(/[^\s"]+/g, (word) => (/@|%40/.test(word) ? '[e-mail]' : word))
    .slice(0, SHOWN_MAX_LENGTH);
}

function printed(entry: unknown): string {
  try {
    return JSON.stringify(entry);
  } catch {
    // Only nesting can make JSON that was parsed unprintable: the stack is not deep enough.
    return 'nested too deeply to show';
  }
}
