import { GyreError } from '../../core/errors.ts'

/** A text from a client, and the field of the request it came in. */
export interface QueryText {
  readonly field: 'filter' | 'order_by'
  readonly text: string
}

/** Longer tokens are cut in messages: a value may be 64 KiB long. */
const SHOWN_CHARACTERS = 40

/** What is wrong with `text[start..end)`; the position counts characters (code points) from 1. */
export function refusal(
  { field, text }: QueryText,
  { start, end }: { readonly start: number; readonly end: number },
  why: string,
): GyreError {
  const position = Array.from(text.slice(0, start)).length + 1
  const token = shown(text.slice(start, end))
  const found = token === '' ? 'the text ends' : `found ${token}`
  return new GyreError(
    'INVALID_ARGUMENT',
    `invalid ${field}: ${why}; ${found} at character ${position}`,
    { field, position, token },
  )
}

function shown(token: string): string {
  const cut = Array.from(token.slice(0, SHOWN_CHARACTERS * 2))
    .slice(0, SHOWN_CHARACTERS)
    .join('')
  return cut === token ? token : `${cut}…`
}
