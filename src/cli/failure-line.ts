/** How Python's interpreter names what was thrown. */
const THROWN = /^[A-Za-z_][\w.]*(Error|Exception|Exit|Interrupt|Warning|Iteration)\b/

/**
 * The line of a failure that says what was wrong, for a table: of a script the last of its traceback, of items the first
 * one that failed with its number, else the first line.
 */
export function failureLine(message: string): string {
  const [first = '', ...rest] = message.split('\n')
  if (/^\d+ of \d+ items failed$/.test(first)) return [first, firstItem(rest)].join('; ')
  const script = /^(\S+) ended with exit code \d+$/.exec(first)?.[1]
  if (script === undefined) return first
  const last = rest.at(-1) ?? ''
  // What executes notebooks ends with the cell.
  if (last.startsWith(`${script}: `)) return last
  const thrown = rest.findLast((line) => THROWN.test(line))
  return thrown === undefined ? first : `${first}: ${thrown}`
}

/** `item 4: ` and what matters of its message, which may be of several lines. */
function firstItem([first = '', ...rest]: readonly string[]): string {
  const [, item = '', text = ''] = /^(item \d+: )(.*)$/.exec(first) ?? []
  const end = rest.findIndex((line) => /^(item \d+: |and \d+ more$)/.test(line))
  const own = end < 0 ? rest : rest.slice(0, end)
  return item + failureLine([text, ...own].join('\n'))
}
