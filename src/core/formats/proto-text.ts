import { GyreError } from '../errors.ts'

/** One field as it was written; a list is as many fields. */
export interface TextField {
  readonly name: string
  readonly line: number
  readonly value: TextValue
}

export type TextValue =
  | { readonly kind: 'text'; readonly text: string }
  /** A number, a truth or a name of an enum, as it was written. */
  | { readonly kind: 'word'; readonly text: string }
  | { readonly kind: 'message'; readonly fields: readonly TextField[] }

interface Token {
  readonly kind: 'text' | 'word' | 'mark' | 'end'
  readonly text: string
  readonly line: number
}

/** Messages within messages; what is deeper is an attack on the stack. */
const MAX_DEPTH = 64

const BLANK = /(?:\s|#[^\n]*)+/y
const TEXT = /"(?:[^"\\\n]|\\[^\n])*"|'(?:[^'\\\n]|\\[^\n])*'/y
const WORD = /-?\s*(?:\.?\d[\w.]*(?:[eE][+-]?\d+[fF]?)?|[A-Za-z_]\w*)/y
const MARK = /[{}<>[\]:,;]/y

/**
 * Fields in the text format of protocol buffers, without a schema (protobuf.dev/reference/protobuf/textformat-spec).
 * Extensions and `Any` are not read. Throws INVALID_INPUT naming the line.
 */
export function readProtoText(text: string): readonly TextField[] {
  const tokens = tokensOf(text)
  let at = 0
  const peek = (): Token => tokens[at] ?? END_OF_NOTHING
  const next = (): Token => {
    const token = peek()
    at += 1
    return token
  }
  const takes = (mark: string): boolean => {
    const found = peek().kind === 'mark' && peek().text === mark
    if (found) at += 1
    return found
  }

  function fieldsUntil(end: string | undefined, depth: number): TextField[] {
    if (depth > MAX_DEPTH) throw wrong(peek(), `at most ${MAX_DEPTH} messages within each other`)
    const fields: TextField[] = []
    for (;;) {
      if (end === undefined ? peek().kind === 'end' : takes(end)) return fields
      fields.push(...field(depth))
      if (!takes(',')) takes(';')
    }
  }

  function field(depth: number): TextField[] {
    const name = next()
    if (name.kind !== 'word' || !/^[A-Za-z_]\w*$/.test(name.text))
      throw wrong(name, 'the name of a field')
    const mayBeScalar = takes(':')
    const values = takes('[') ? list(mayBeScalar, depth) : [value(mayBeScalar, depth)]
    return values.map((one) => ({ name: name.text, line: name.line, value: one }))
  }

  function list(mayBeScalar: boolean, depth: number): TextValue[] {
    const values: TextValue[] = []
    if (takes(']')) return values
    do values.push(value(mayBeScalar, depth))
    while (takes(','))
    if (!takes(']')) throw wrong(peek(), '"," or "]"')
    return values
  }

  function value(mayBeScalar: boolean, depth: number): TextValue {
    if (takes('{')) return { kind: 'message', fields: fieldsUntil('}', depth + 1) }
    if (takes('<')) return { kind: 'message', fields: fieldsUntil('>', depth + 1) }
    if (!mayBeScalar) throw wrong(peek(), '":", "{" or "["')
    const token = next()
    if (token.kind === 'word') return { kind: 'word', text: token.text }
    if (token.kind !== 'text') throw wrong(token, 'a value')
    let { text: whole } = token
    while (peek().kind === 'text') whole += next().text
    return { kind: 'text', text: whole }
  }

  return fieldsUntil(undefined, 0)
}

const END_OF_NOTHING: Token = { kind: 'end', text: '', line: 1 }

function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = []
  let at = 0
  let line = 1
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    const found = pattern.exec(text)?.[0]
    if (found !== undefined) at += found.length
    return found
  }
  while (at < text.length) {
    const blank = match(BLANK)
    if (blank !== undefined) {
      line += blank.split('\n').length - 1
      continue
    }
    const quoted = match(TEXT)
    const word = quoted ?? match(WORD)
    const mark = word ?? match(MARK)
    if (quoted !== undefined) tokens.push({ kind: 'text', text: unescaped(quoted, line), line })
    else if (word !== undefined)
      tokens.push({ kind: 'word', text: word.replaceAll(/\s/g, ''), line })
    else if (mark !== undefined) tokens.push({ kind: 'mark', text: mark, line })
    else throw wrong({ kind: 'mark', text: text.charAt(at), line }, 'a field')
  }
  return [...tokens, { kind: 'end', text: '', line }]
}

const ESCAPE =
  /\\(?:([0-7]{1,3})|[xX]([\dA-Fa-f]{1,2})|u([\dA-Fa-f]{4})|U([\dA-Fa-f]{8})|([^]))|[^\\]+/g

const PLAIN: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '?': '?',
  '\\': '\\',
  "'": "'",
  '"': '"',
}

/** Escapes of bytes may together be one character of UTF-8. */
function unescaped(quoted: string, line: number): string {
  const parts = [...quoted.slice(1, -1).matchAll(ESCAPE)].map((match) => {
    const [whole, octal, hex, short, long, plain] = match
    if (octal !== undefined) return Buffer.of(Number.parseInt(octal, 8) & 255)
    if (hex !== undefined) return Buffer.of(Number.parseInt(hex, 16))
    const point = short ?? long
    if (point !== undefined) return Buffer.from(characterOf(Number.parseInt(point, 16), line))
    if (plain === undefined) return Buffer.from(whole)
    const known = PLAIN[plain]
    if (known === undefined) throw wrong({ kind: 'text', text: whole, line }, 'an escape')
    return Buffer.from(known)
  })
  return Buffer.concat(parts).toString('utf8')
}

function characterOf(point: number, line: number): string {
  if (point <= 0x10_ff_ff) return String.fromCodePoint(point)
  throw wrong({ kind: 'text', text: `\\U${point.toString(16)}`, line }, 'a character of Unicode')
}

function wrong({ kind, text, line }: Token, expected: string): GyreError {
  const got = kind === 'end' ? 'the end' : JSON.stringify(text)
  return new GyreError('INVALID_INPUT', `line ${line}: expected ${expected}, got ${got}`, { line })
}
