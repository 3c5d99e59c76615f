import { refusal, type QueryText } from './query-refusal.ts'

export type Quote = "'" | '"' | '`'

/** A piece of the text `[start, end)`. `text` is its content: of what is quoted, without the quotes. */
export type Token = { readonly text: string; readonly start: number; readonly end: number } & (
  | { readonly kind: 'word' | 'number' | 'operator' | 'dot' | '(' | ')' | ',' | 'end' }
  | { readonly kind: 'quoted'; readonly quote: Quote }
)

/** Ten times what a person or the MLflow client writes; it bounds the clauses, values and SQL of one search. */
const MAX_BYTES = 64 * 1024

/** Letters, marks and digits of any script, and `_`; what is not ASCII is asked here. */
const LETTER = /^[\p{L}\p{M}\p{N}_]$/u
const SPACE = /^\s$/u

/**
 * Cuts a filter or an order into tokens, the last of kind `end`. One pass, O(length). Throws INVALID_ARGUMENT
 * for a text over 64 KiB, a quote that is never closed, NUL, and characters that start no token.
 */
export function tokenize(query: QueryText): readonly Token[] {
  const { text } = query
  const end = { start: text.length, end: text.length }
  if (text.length > MAX_BYTES || Buffer.byteLength(text) > MAX_BYTES)
    throw refusal(query, { start: 0, end: 0 }, `longer than ${MAX_BYTES} bytes`)
  const nul = text.indexOf('\0')
  // The SQLite binding ends a text at its first NUL: the rest would silently not be asked for.
  if (nul >= 0) throw refusal(query, { start: nul, end: nul + 1 }, 'NUL stands nowhere')
  const tokens: Token[] = []
  for (let at = 0; at < text.length;) {
    const character = characterAt(text, at)
    if (isSpace(character)) at += character.length
    else {
      const token = readToken(query, at, tokens.at(-1))
      tokens.push(token)
      at = token.end
    }
  }
  return [...tokens, { kind: 'end', text: '', ...end }]
}

function readToken(query: QueryText, start: number, before: Token | undefined): Token {
  const { text } = query
  const character = characterAt(text, start)
  const joined = before !== undefined && before.end === start
  if (isQuote(character)) return readQuoted(query, start, character)
  if (character === '(' || character === ')' || character === ',')
    return { kind: character, text: character, start, end: start + 1 }
  if (isOperator(character)) {
    const end = skip(text, start, isOperator)
    return { kind: 'operator', text: text.slice(start, end), start, end }
  }
  if (character === '.' && joined && isName(before))
    return { kind: 'dot', text: '.', start, end: start + 1 }
  // After a dot a digit belongs to the key (`params.2nd`), elsewhere it starts a number.
  if (startsNumber(text, start) && !(joined && before.kind === 'dot'))
    return readNumber(query, start)
  if (isLetter(character)) {
    const end = skip(text, start, isLetter)
    return { kind: 'word', text: text.slice(start, end), start, end }
  }
  const end = start + character.length
  throw refusal(
    query,
    { start, end },
    joined && (before.kind === 'word' || before.kind === 'dot')
      ? 'a key with other characters than letters, digits, _ and . stands in backticks'
      : 'nothing starts with this character',
  )
}

/** The quote itself is written twice inside: `'it''s'`. Nothing else is an escape. */
function readQuoted(query: QueryText, start: number, quote: Quote): Token {
  const { text } = query
  const parts: string[] = []
  for (let from = start + 1; ;) {
    const close = text.indexOf(quote, from)
    if (close < 0)
      throw refusal(query, { start, end: text.length }, `this ${quote} is never closed`)
    parts.push(text.slice(from, close))
    if (text[close + 1] !== quote)
      return { kind: 'quoted', quote, text: parts.join(quote), start, end: close + 1 }
    from = close + 2
  }
}

function startsNumber(text: string, at: number): boolean {
  const unsigned = text[at] === '-' ? at + 1 : at
  return isDigit(text[unsigned]) || (text[unsigned] === '.' && isDigit(text[unsigned + 1]))
}

/** `-12`, `.5`, `5.`, `1e-3`; no plus sign, no hexadecimal, no `inf` or `nan`. */
function readNumber(query: QueryText, start: number): Token {
  const { text } = query
  let end = skip(text, text[start] === '-' ? start + 1 : start, isDigit)
  if (text[end] === '.') end = skip(text, end + 1, isDigit)
  if (text[end] === 'e' || text[end] === 'E') {
    const power = text[end + 1] === '-' || text[end + 1] === '+' ? end + 2 : end + 1
    if (isDigit(text[power])) end = skip(text, power, isDigit)
  }
  const tail = skip(text, end, (character) => isLetter(character) || character === '.')
  if (tail > end) throw refusal(query, { start, end: tail }, 'this is not a number')
  return { kind: 'number', text: text.slice(start, end), start, end }
}

function skip(text: string, from: number, belongs: (character: string) => boolean): number {
  let at = from
  while (at < text.length && belongs(characterAt(text, at))) at += characterAt(text, at).length
  return at
}

function characterAt(text: string, at: number): string {
  return String.fromCodePoint(text.codePointAt(at) ?? 0)
}

function isName(token: Token): boolean {
  return token.kind === 'word' || token.kind === 'quoted'
}

function isQuote(character: string): character is Quote {
  return character === "'" || character === '"' || character === '`'
}

function isOperator(character: string): boolean {
  return character === '=' || character === '!' || character === '<' || character === '>'
}

function isDigit(character: string | undefined): boolean {
  return character !== undefined && character >= '0' && character <= '9'
}

function isLetter(character: string): boolean {
  return LETTER.test(character)
}

function isSpace(character: string): boolean {
  return SPACE.test(character)
}
