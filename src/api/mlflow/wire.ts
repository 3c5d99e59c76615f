import { z } from 'zod'
import { toInt64, type Int64 as Whole } from '../../store/metric-chunks.ts'

const [MIN, MAX] = [-(2n ** 63n), 2n ** 63n - 1n]

const WHOLE = 'expected a whole number'

/** An int64 of protobuf's JSON: a number or its digits. */
export const Int64 = z
  .union([z.int(), z.string().regex(/^-?\d{1,19}$/)], WHOLE)
  .transform((given, ctx): Whole => {
    const value = typeof given === 'number' ? given : toInt64(given)
    if (value >= MIN && value <= MAX) return value
    ctx.addIssue({ code: 'custom', message: 'expected a whole number of 64 bits' })
    return z.NEVER
  })

/** Epoch milliseconds that a client says; never before 1970. */
export const TimeMs = Int64.refine((value) => value >= 0, 'expected a whole number, 0 or more')

/** An int32 in a body or a query. */
export const Int32 = z.coerce
  .number(WHOLE)
  .int(WHOLE)
  .min(-(2 ** 31))
  .max(2 ** 31 - 1)

const SPECIAL: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
}

const NUMBER = 'expected a number'

/** A double of protobuf's JSON: a number, its text, `NaN`, `Infinity` or `-Infinity`. */
export const Double = z
  .union([z.number(), z.string(), z.boolean()], NUMBER)
  .transform((given, ctx) => {
    if (typeof given !== 'string') return Number(given)
    const value = SPECIAL[given] ?? (given.trim() === '' ? Number.NaN : Number(given))
    if (given === 'NaN' || !Number.isNaN(value)) return value
    ctx.addIssue({ code: 'custom', message: `${NUMBER}, got ${given}` })
    return z.NEVER
  })

/** A repeated field of a body. */
export function repeated<T extends z.ZodType>(item: T) {
  return z.array(item).default([])
}

/** A repeated field of a query, which names it once or several times. */
export function repeatedInQuery<T extends z.ZodType>(item: T) {
  return z.preprocess(
    (given) => (given === undefined || Array.isArray(given) ? given : [given]),
    repeated(item),
  )
}

/** A repeated field of a reply: protobuf leaves an empty one out. */
export function some<T>(items: readonly T[]): readonly T[] | undefined {
  return items.length === 0 ? undefined : items
}

/** Protobuf's JSON takes a bool in a query as text. */
export const Bool = z.union([
  z.boolean(),
  z.enum(['true', 'false', 'True', 'False']).transform((text) => text.toLowerCase() === 'true'),
])

export const MISSING = 'missing value for a required parameter'

/** Text that must be there; an empty one counts as missing, as protobuf cannot tell them apart. */
export const Required = z
  .string({ error: (issue) => (issue.input === undefined ? MISSING : 'expected text') })
  .min(1, MISSING)

/** A tag or a parameter. */
export const Label = z.object({ key: Required, value: z.string().default('') })

/** An enum of protobuf's JSON: a name, or its number. `names` are those of `first` and the numbers that follow. */
export function protobufEnum<const Name extends string>(names: readonly Name[], first = 1) {
  const nameOf = new Map<unknown, Name>()
  for (const [i, name] of names.entries()) nameOf.set(i + first, name).set(String(i + first), name)
  return z.preprocess((given) => nameOf.get(given) ?? given, z.enum(names))
}

/** Which of the things that can be deleted a search is after. */
export const ViewType = protobufEnum(['ACTIVE_ONLY', 'DELETED_ONLY', 'ALL'])
  .default('ACTIVE_ONLY')
  .transform((view) => VIEWS[view])

const VIEWS = { ACTIVE_ONLY: 'active', DELETED_ONLY: 'deleted', ALL: 'all' } as const

/** The members that every search has; `most` is the largest page, `usual` the one that is not asked for. */
export function searchMembers(method: 'GET' | 'POST', usual: number, most: number) {
  return {
    filter: z.string().optional(),
    order_by: method === 'GET' ? repeatedInQuery(z.string()) : repeated(z.string()),
    max_results: Int32.min(1, 'expected 1 or more')
      .max(most, `expected at most ${most}`)
      .default(usual),
    page_token: z.string().optional(),
  }
}

/** What SQL stores put in the place of the infinities, and MLflow's client reads back. */
const LARGEST = 1.7976931348623157e308

/** A double as a reply carries it: `NaN` as text, ±Infinity as the largest double. */
export function doubleOut(value: number): number | 'NaN' {
  if (Number.isNaN(value)) return 'NaN'
  return Math.min(LARGEST, Math.max(-LARGEST, value))
}
