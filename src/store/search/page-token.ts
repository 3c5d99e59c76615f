import { z } from 'zod'
import { GyreError } from '../../core/errors.ts'

/** Where a row stands in one key of an order: its value, or behind all values. */
export interface Place {
  readonly rank: number
  readonly value: number | bigint | string | null
}

/** A row ordered by a few texts of the longest kind; what is longer was not made here. */
const MAX_CHARACTERS = 512 * 1024

const Infinite = z.enum(['Infinity', '-Infinity'])

const PageToken = z.strictObject({
  of: z.string(),
  at: z.array(z.tuple([z.int().nonnegative(), z.union([z.number(), z.string(), z.null()])])),
})

/** The places of a page's last row as base64url of JSON; `seal` names the search they belong to. */
export function encodePageToken(seal: string, places: readonly Place[]): string {
  // JSON has no infinity and no int64: as a text it is told from one by the type of its key.
  const at = places.map(({ rank, value }) => [
    rank,
    typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value))
      ? String(value)
      : value,
  ])
  return Buffer.from(JSON.stringify({ of: seal, at })).toString('base64url')
}

/** Throws INVALID_ARGUMENT for what is no token, and for one of another search. `types` are those of the keys. */
export function decodePageToken(
  token: string,
  seal: string,
  types: readonly ('number' | 'text')[],
): readonly Place[] {
  const parsed = PageToken.safeParse(readJson(token))
  if (!parsed.success) throw invalid('this is no page token')
  const { of, at } = parsed.data
  if (of !== seal) throw invalid('this page token belongs to another search: same filter and order')
  if (at.length !== types.length) throw invalid('this is no page token')
  return at.map(([rank, value], i) => placeOf(rank, value, types[i]))
}

function placeOf(
  rank: number,
  value: number | string | null,
  type: 'number' | 'text' | undefined,
): Place {
  if (rank > 0 && value === null) return { rank, value }
  if (rank === 0 && type === 'text' && typeof value === 'string') return { rank, value }
  if (rank === 0 && type === 'number') {
    if (typeof value === 'number') return { rank, value }
    if (Infinite.safeParse(value).success) return { rank, value: Number(value) }
    if (typeof value === 'string' && /^-?\d{16,19}$/.test(value))
      return { rank, value: BigInt(value) }
  }
  throw invalid('this is no page token')
}

function readJson(token: string): unknown {
  if (token.length > MAX_CHARACTERS) return undefined
  try {
    return JSON.parse(Buffer.from(token, 'base64url').toString())
  } catch {
    return undefined
  }
}

function invalid(message: string): GyreError {
  return new GyreError('INVALID_ARGUMENT', message, { field: 'page_token' })
}
