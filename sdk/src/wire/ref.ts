import { z } from 'zod'

/** What a name may look like: it becomes part of paths, URLs and references. */
export const Name = z
  .string()
  .regex(
    /^[a-zA-Z][a-zA-Z0-9_.-]{0,127}$/,
    'expected a letter followed by letters, digits, _, . or -',
  )

export const RefKind = z.enum([
  'dataset',
  'features',
  'model',
  'adapter',
  'app',
  'prompt',
  'index',
  'pipeline',
  'code',
  'endpoint',
  'release',
])
export type RefKind = z.infer<typeof RefKind>

/** Names a versioned thing; printed `model:churn@7`. */
export const Ref = z.strictObject({
  kind: RefKind,
  name: Name,
  version: z.string().regex(/^[a-zA-Z0-9_.-]{1,128}$/),
})
export type Ref = z.infer<typeof Ref>

/** A printed `Ref`, or `run:ID`, or `prediction:ID`. */
export const RefText = z
  .string()
  .regex(
    /^[a-z]+:[^@\s]+(@[^@\s]+)?$/,
    'expected a reference like model:churn@7, run:ID or prediction:ID',
  )

export const DigestText = z.templateLiteral(['sha256:', z.string().regex(/^[0-9a-f]{64}$/)], {
  error: 'expected sha256: and 64 hexadecimal digits',
})

/** ISO-8601 in UTC, as written by `Date.toISOString`. */
export const Instant = z.iso.datetime({
  offset: true,
  error: 'expected an instant like 2001-02-01T00:00:00Z',
})

/** `30m`, `2h`, `7d`; `0` where no limit is meant. */
export const Duration = z
  .string()
  .regex(/^(0|\d+(\.\d+)?(ms|s|m|h|d))$/, 'expected a duration like 30m, 2h or 7d')

export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue }
export const Json: z.ZodType<JsonValue> = z.json()
