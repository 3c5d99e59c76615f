/** JSON as Python writes it: a number keeps its digits, and may be NaN, Infinity or -Infinity. */
export type PythonValue =
  | null
  | boolean
  | string
  | PythonNumber
  | readonly PythonValue[]
  | ReadonlyMap<string, PythonValue>

export interface PythonNumber {
  readonly digits: string
}

/** A text, or a number. */
const TOKEN = /"(?:[^"\\]|\\.)*"|-?(?:NaN|Infinity|\d[\d.eE+-]*)/g

/** Throws SyntaxError for what is not such JSON. */
export function parsePythonJson(text: string): PythonValue {
  // Every text begins with a letter that says what it was before.
  const marked = text.replaceAll(TOKEN, (token) =>
    token.startsWith('"') ? `"t${token.slice(1)}` : `"${numberMark(token)}${token}"`,
  )
  return unmark(JSON.parse(marked))
}

function numberMark(token: string): 'n' {
  if (NUMBER.test(token)) return 'n'
  throw new SyntaxError(`no number: ${token}`)
}

const NUMBER = /^-?(?:NaN|Infinity|(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/

function unmark(value: unknown): PythonValue {
  if (typeof value === 'string')
    return value.startsWith('n') ? { digits: value.slice(1) } : value.slice(1)
  if (Array.isArray(value)) return value.map(unmark)
  if (typeof value === 'object' && value !== null)
    return new Map(Object.entries(value).map(([key, inner]) => [key.slice(1), unmark(inner)]))
  return value === true || value === false ? value : null
}
