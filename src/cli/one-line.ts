/** Line ends, the beginnings of escape sequences, and marks that turn the direction of what follows. */
const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/**
 * Text that somebody else chose, as a terminal may be shown it: what would move its cursor, colour it or begin another
 * line is written out, such as `\n` or `\u001b`.
 */
export function oneLine(text: string): string {
  return text.replaceAll(
    UNSEEN,
    (sign) => SHORT[sign] ?? `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
