import type { z } from 'zod'

/** Enough of a value to know it again. */
const SHOWN_CHARS = 60

const NOUNS: Readonly<Record<string, string>> = {
  int: 'a whole number',
  object: 'an object',
  array: 'an array',
  record: 'an object',
  string: 'a text',
  boolean: 'true or false',
  number: 'a number',
  null: 'null',
}

/** What is wrong with a value: what was expected, and what came instead where that is known. An error map of zod. */
export function issueText(issue: z.core.$ZodRawIssue | z.core.$ZodIssue): string | undefined {
  const got = 'input' in issue ? gotText(issue.input) : ''
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${NOUNS[issue.expected] ?? issue.expected}${got}`
    case 'invalid_value':
      return `expected ${oneOf(issue.values.map(String))}${got}`
    case 'invalid_union':
      return 'options' in issue && Array.isArray(issue.options)
        ? `expected ${oneOf(issue.options.map(String))}`
        : undefined
    case 'unrecognized_keys':
      return `expected no member ${issue.keys.join(', ')}`
    case 'too_small':
      return `expected ${issue.inclusive === false ? 'more than' : 'at least'} ${amount(issue.minimum, issue.origin)}`
    case 'too_big':
      return `expected ${issue.inclusive === false ? 'less than' : 'at most'} ${amount(issue.maximum, issue.origin)}`
    // zod's own words.
    case 'custom':
    case 'invalid_element':
    case 'invalid_format':
    case 'invalid_key':
    case 'not_multiple_of':
      return undefined
  }
}

function gotText(input: unknown): string {
  if (input === undefined) return ', got nothing'
  const text = typeof input === 'number' ? String(input) : JSON.stringify(input)
  if (text === undefined) return ''
  return `, got ${text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS)}…` : text}`
}

function oneOf(values: readonly string[]): string {
  return values.length === 1 ? String(values[0]) : `one of ${values.join(', ')}`
}

function amount(bound: number | bigint, origin: string): string {
  const unit = { string: 'character', array: 'item', set: 'item', record: 'member' }[origin]
  if (unit === undefined) return String(bound)
  return `${bound} ${unit}${Number(bound) === 1 ? '' : 's'}`
}
