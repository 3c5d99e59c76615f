import { z } from 'zod'

/** What a name may look like: it becomes part of paths, URLs and references. */
export const Name = z
  .string()
  .regex(
    /^[a-zA-Z][a-zA-Z0-9_.-]{0,127}$/,
    'expected a letter followed by letters, digits, _, . or -',
  )

/** Names of registered models come from clients too; MLflow's tables have room for 256 characters, its SQLite for any. */
const MAX_MODEL_NAME = 500

/**
 * What a registered model may be called: any text that MLflow takes for one, which forbids `/` and `:` and what a
 * folder could not be called, and neither NUL nor half a character. In references it is percent-encoded.
 */
export const ModelName = z
  .string()
  .refine((name) => name.trim() !== '', { error: 'expected a name', abort: true })
  .refine((name) => !name.includes('\0') && !/[/:]|\p{Surrogate}/u.test(name), {
    error: "expected a name without '/', ':' and NUL",
  })
  .refine((name) => name !== '.' && !name.startsWith('..'), {
    error: 'expected a name that means itself when it is read as a path',
  })
  .refine((name) => Array.from(name).length <= MAX_MODEL_NAME, {
    error: `expected at most ${MAX_MODEL_NAME} characters`,
  })

/** A number, or an alias: letters and digits of any script, `_`, `-` and `.`. */
const RefVersion = z.string().regex(/^[\p{L}\p{M}\p{N}_.-]{1,255}$/u)

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

/** Names a versioned thing; printed `model:churn@7`. Only models may have names that a `Name` cannot be. */
export const Ref = z
  .strictObject({ kind: RefKind, name: z.string(), version: RefVersion })
  .refine(({ kind, name }) => (kind === 'model' ? ModelName : Name).safeParse(name).success, {
    error: 'expected a name',
    path: ['name'],
  })
export type Ref = z.infer<typeof Ref>

/** A printed `Ref` (a model's name percent-encoded), or `run:ID`, or `prediction:ID`. */
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
/** One walk: `z.json()` tries six shapes at each of what may be the outputs of ten thousand items. */
export const Json: z.ZodType<JsonValue> = z.custom<JsonValue>(isJson, { error: 'expected JSON' })

function isJson(value: unknown): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object') return false
  // Not `every`, which passes over holes.
  if (Array.isArray(value)) return Array.from<unknown>(value).every(isJson)
  const prototype: unknown = Object.getPrototypeOf(value)
  return (
    (prototype === Object.prototype || prototype === null) && Object.values(value).every(isJson)
  )
}
