/** Enough to recognise an entry by. */
const SHOWN_MAX_LENGTH = 300;

/** How text, URLs, HTML and JSON write `@`; `provider/error-reason.ts` has the same. */
const AT_SIGN = /[@＠﹫]|%(?:25)*40|&#0*64;?|&#x0*40;?|&commat;|\\u0040/i;

/** What may stand before it with spaces in it; JSON escapes its quotes. */
const QUOTED_NAME = new RegExp(`\\\\"[^"]*"(?=${AT_SIGN.source})`, 'gi');

/** JSON for people to read: cut, and without anything that looks like an e-mail address. */
export function showEntry(entry: unknown): string {
  return printed(entry)
    .replace(QUOTED_NAME, '')
    .replace(/[^\s"]+/g, (word) => (AT_SIGN.test(word) ? '[e-mail]' : word))
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
