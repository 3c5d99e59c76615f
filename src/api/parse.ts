import type { z } from 'zod'
import { GyreError } from '../core/errors.ts'
import { issueText } from '@gyre/sdk/wire/issue-text'

/** Deeper JSON than this is refused: hardly a shape of ours needs it, and recursion over it costs stack. */
const MAX_DEPTH = 32

/** `value` in the shape of `schema`. Throws INVALID_ARGUMENT naming the first field that does not fit. */
export function parsePart<T>(schema: z.ZodType<T>, value: unknown, part: string): T {
  const parsed = schema.safeParse(value, { error: issueText })
  if (parsed.success) return parsed.data
  const errors = parsed.error.issues.map((issue) => ({
    field: fieldOf(issue, part),
    message: issue.message,
  }))
  const [first] = errors
  throw new GyreError('INVALID_ARGUMENT', `${first?.field}: ${first?.message}`, {
    field: first?.field,
    errors,
  })
}

function fieldOf(issue: z.core.$ZodIssue, part: string): string {
  const path = issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0]] : issue.path
  return path.length === 0 ? part : path.join('.')
}

/** Throws INVALID_ARGUMENT when the text nests deeper. O(length). */
function checkDepth(text: string, maxDepth: number): void {
  let depth = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i)
    if (inString) {
      if (char === 0x5c) i++
      else if (char === 0x22) inString = false
    } else if (char === 0x22) inString = true
    else if (char === 0x7b || char === 0x5b) {
      if (++depth > maxDepth)
        throw new GyreError('INVALID_ARGUMENT', `body: nested deeper than ${maxDepth} levels`, {
          field: 'body',
        })
    } else if (char === 0x7d || char === 0x5d) depth--
  }
}

/** A JSON body. Throws INVALID_ARGUMENT saying where it breaks; an empty body is `undefined`. */
export function parseJson(text: string, maxDepth = MAX_DEPTH): unknown {
  if (text.trim() === '') return undefined
  checkDepth(text, maxDepth)
  try {
    return JSON.parse(text)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new GyreError('INVALID_ARGUMENT', `body: not JSON (${reason})`, { field: 'body' }, cause)
  }
}
