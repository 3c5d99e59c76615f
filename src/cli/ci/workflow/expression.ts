import { GyreError } from '../../../core/errors.ts'

type Value = string | number | boolean | null

/** What an expression may ask: `github.ref`, `vars.NAME`; and how the jobs or steps before it have ended. */
export interface Scope {
  readonly values: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly hasFailed: boolean
}

const TOKEN =
  /\s*(?:'((?:[^']|'')*)'|(\d+(?:\.\d+)?)|([A-Za-z_][\w-]*)|(&&|\|\||==|!=|[!().,[\]]))/gy

/** Whether what hangs on `condition` is done. Without one, and where it does not ask, nothing may have failed before. */
export function holds(condition: string | undefined, scope: Scope): boolean {
  if (condition === undefined) return !scope.hasFailed
  const text = condition.trim().replace(/^\$\{\{([^]*)\}\}$/, '$1')
  const isAsked = /\b(?:always|success|failure|cancelled)\s*\(/.test(text)
  return (isAsked || !scope.hasFailed) && isTrue(evaluate(text, scope))
}

/** `text` with each `${{ … }}` replaced by its value. */
export function interpolate(text: string, scope: Scope): string {
  return text.replaceAll(/\$\{\{([^]*?)\}\}/g, (_, inner: string) =>
    String(evaluate(inner, scope) ?? ''),
  )
}

/** Throws INVALID_ARGUMENT for what is no expression of GitHub's, or asks for what is not known here. */
export function evaluate(text: string, scope: Scope): Value {
  const tokens = tokenize(text)
  let at = 0
  const refuse = (reason: string) =>
    new GyreError('INVALID_ARGUMENT', `expression ${text.trim()}: ${reason}`, { expression: text })
  const take = (mark: string): boolean => {
    const isNext = tokens[at]?.kind === 'mark' && tokens[at]?.text === mark
    if (isNext) at++
    return isNext
  }
  const need = (mark: string): void => {
    if (!take(mark)) throw refuse(`expected ${mark}`)
  }

  function or(): Value {
    let left = and()
    while (take('||')) {
      const right = and()
      left = isTrue(left) ? left : right
    }
    return left
  }
  function and(): Value {
    let left = compare()
    while (take('&&')) {
      const right = compare()
      left = isTrue(left) ? right : left
    }
    return left
  }
  function compare(): Value {
    const left = unary()
    if (take('==')) return areEqual(left, unary())
    if (take('!=')) return !areEqual(left, unary())
    return left
  }
  function unary(): Value {
    return take('!') ? !isTrue(unary()) : primary()
  }
  function primary(): Value {
    if (take('(')) {
      const inner = or()
      need(')')
      return inner
    }
    const token = tokens[at++]
    if (token?.kind === 'text') return token.text
    if (token?.kind === 'number') return Number(token.text)
    if (token?.kind !== 'name') throw refuse(`expected a value, got ${token?.text ?? 'its end'}`)
    if (token.text === 'true' || token.text === 'false') return token.text === 'true'
    if (token.text === 'null') return null
    return take('(') ? call(token.text) : member(token.text)
  }
  function call(name: string): Value {
    const given: Value[] = []
    while (!take(')')) {
      if (given.length > 0) need(',')
      given.push(or())
    }
    const [first = '', second = ''] = given.map(lower)
    switch (name) {
      case 'always':
        return true
      case 'success':
        return !scope.hasFailed
      case 'failure':
        return scope.hasFailed
      case 'cancelled':
        return false
      case 'contains':
        return first.includes(second)
      case 'startsWith':
        return first.startsWith(second)
      case 'endsWith':
        return first.endsWith(second)
      default:
        throw refuse(`${name}() is not known here`)
    }
  }
  function member(context: string): Value {
    const known = scope.values[context]
    if (!known) throw refuse(`${context} is not known here`)
    need('.')
    const name = tokens[at++]
    if (name?.kind !== 'name') throw refuse(`expected a name after ${context}.`)
    return known[name.text] ?? ''
  }

  const value = or()
  if (at < tokens.length) throw refuse(`unexpected ${tokens[at]?.text}`)
  return value
}

interface Token {
  readonly kind: 'text' | 'number' | 'name' | 'mark'
  readonly text: string
}

function tokenize(text: string): readonly Token[] {
  const tokens: Token[] = []
  TOKEN.lastIndex = 0
  const source = text.trimEnd()
  while (TOKEN.lastIndex < source.length) {
    const from = TOKEN.lastIndex
    const found = TOKEN.exec(source)
    if (!found)
      throw new GyreError(
        'INVALID_ARGUMENT',
        `expression ${source.trim()}: cannot be read from ${source.slice(from)}`,
        { expression: text },
      )
    const [, quoted, number, name, mark] = found
    if (quoted !== undefined) tokens.push({ kind: 'text', text: quoted.replaceAll("''", "'") })
    else if (number !== undefined) tokens.push({ kind: 'number', text: number })
    else if (name !== undefined) tokens.push({ kind: 'name', text: name })
    else tokens.push({ kind: 'mark', text: mark ?? '' })
  }
  return tokens
}

function isTrue(value: Value): boolean {
  return value !== '' && value !== 0 && Boolean(value)
}

/** Texts are equal whatever their case. */
function areEqual(a: Value, b: Value): boolean {
  return typeof a === typeof b ? lower(a) === lower(b) : Number(a) === Number(b)
}

function lower(value: Value): string {
  return String(value ?? '').toLowerCase()
}
