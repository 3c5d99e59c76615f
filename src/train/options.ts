import type { z } from 'zod'
import { GyreError } from '../core/errors.ts'
import { issueText } from '@gyre/sdk/wire/issue-text'

/** The options with their defaults; throws INVALID_ARGUMENT that names the first field that does not fit. */
export function parseOptions<Schema extends z.ZodType>(
  schema: Schema,
  options: unknown,
): z.output<Schema> {
  const parsed = schema.safeParse(options, { error: issueText })
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const field = ['options', ...(issue?.path ?? [])].join('.')
  throw new GyreError('INVALID_ARGUMENT', `${field}: ${issue?.message}`, { field }, parsed.error)
}
