import { GyreError } from '../core/errors.ts'

/** `name=value` of the command line. Throws INVALID_ARGUMENT for anything else. */
export function readPair(text: string): [string, string] {
  const at = text.indexOf('=')
  if (at < 1)
    throw new GyreError('INVALID_ARGUMENT', `expected name=value, got ${text}`, { got: text })
  return [text.slice(0, at), text.slice(at + 1)]
}

/** A pair whose value is JSON, or else plain text. */
export function readParam(text: string): [string, unknown] {
  const [name, value] = readPair(text)
  try {
    return [name, JSON.parse(value)]
  } catch {
    return [name, value]
  }
}
