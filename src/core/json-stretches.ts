/**
 * Rewrites what stands between the strings of a JSON text; the strings stay as they are. O(length), and no
 * recursion: a pattern over strings with escapes runs out of stack at some megabytes.
 */
export function rewriteOutsideStrings(json: string, rewrite: (part: string) => string): string {
  const parts: string[] = []
  for (let at = 0; at < json.length;) {
    const open = json.indexOf('"', at)
    if (open < 0) return parts.join('') + rewrite(json.slice(at))
    const end = endOfString(json, open)
    parts.push(rewrite(json.slice(at, open)), json.slice(open, end))
    at = end
  }
  return parts.join('')
}

/** Behind the quote that closes the string; the end of the text where none does. */
function endOfString(json: string, open: number): number {
  for (let at = open + 1; ;) {
    const close = json.indexOf('"', at)
    if (close < 0) return json.length
    let escapes = 0
    while (json[close - 1 - escapes] === '\\') escapes++
    if (escapes % 2 === 0) return close + 1
    at = close + 1
  }
}
