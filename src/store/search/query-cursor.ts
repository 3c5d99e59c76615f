import type { GyreError } from '../../core/errors.ts'
import { tokenize, type Token } from './filter-lexer.ts'
import { refusal, type QueryText } from './query-refusal.ts'

/** Walks over the tokens of a text; past the last it stays on the token `end`. */
export interface Cursor {
  peek(): Token
  next(): Token
  /** Takes the next token if it is this word, in any case: words are not quoted. */
  takeWord(word: string): boolean
  /** The error that names `token`, or the next one. */
  refuse(why: string, token?: { readonly start: number; readonly end: number }): GyreError
}

export function createCursor(query: QueryText): Cursor {
  const tokens = tokenize(query)
  let at = 0
  function peek(): Token {
    const token = tokens[at]
    if (token === undefined) throw new RangeError('a cursor never leaves its tokens')
    return token
  }
  function next(): Token {
    const token = peek()
    if (token.kind !== 'end') at += 1
    return token
  }
  return {
    peek,
    next,
    takeWord(word) {
      const { kind, text } = peek()
      const taken = kind === 'word' && text.toUpperCase() === word
      if (taken) next()
      return taken
    },
    refuse: (why, token = peek()) => refusal(query, token, why),
  }
}
