import type { RouteState } from '@gyre/sdk/wire/release'
import { GyreError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import { BUCKETS, bucketOf, inCanary } from './split.ts'

/** Which arm a request asked for by header, if any. */
export type AskedArm = 'stable' | 'canary' | undefined

export interface Asker {
  /** The id of what is predicted; the same subject gets the same arm while a release lasts. */
  readonly subject: string | undefined
  readonly asked: AskedArm
}

/** The answer to "who answers this request", with what the analysis of a canary must know about it. */
export interface Picked {
  /** `model:flight-delay@3`. */
  readonly model: string
  readonly variant: 'stable' | 'canary'
  readonly rev: number
  /** The running canary's release; null when there is none. */
  readonly releaseId: string | null
  /** Probability of the canary for this request, in basis points; 0 when there is none. */
  readonly weightBp: number
  /** Longer than this is slow in the eyes of the canary's release, milliseconds; undefined where it does not look. */
  readonly slowMs: number | undefined
  /** The same subject would be answered by the same arm again. */
  readonly sticky: boolean
  /** Chance chose between two arms, so the request counts as evidence about the canary. */
  readonly randomised: boolean
}

/**
 * Header first, then the subject's bucket, else a throw of the dice. Asking for a canary where none runs
 * gives the stable arm. Throws UNAVAILABLE when the endpoint has no version to answer with.
 */
export function pick(state: RouteState, { subject, asked }: Asker, random: Random): Picked {
  const { canary, rev } = state
  const weightBp = canary?.weightBp ?? 0
  const randomised = asked === undefined && weightBp > 0 && weightBp < BUCKETS
  const facts = {
    rev,
    releaseId: canary?.releaseId ?? null,
    weightBp,
    slowMs: canary?.slowMs,
    sticky: asked === undefined && subject !== undefined,
    randomised,
  }
  const toCanary = asked ? asked === 'canary' : drawsCanary(canary, subject, random)
  if (canary && toCanary) return { model: canary.model, variant: 'canary', ...facts }
  if (state.stable === null)
    throw new GyreError('UNAVAILABLE', `endpoint ${state.endpoint} has no released model yet`, {
      endpoint: state.endpoint,
    })
  return { model: state.stable, variant: 'stable', ...facts }
}

function drawsCanary(
  canary: RouteState['canary'],
  subject: string | undefined,
  random: Random,
): boolean {
  if (!canary) return false
  const bucket =
    subject === undefined ? Math.floor(random() * BUCKETS) : bucketOf(canary.salt, subject)
  return inCanary(bucket, canary.weightBp)
}

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>

/** Anyone may ask for the canary by `canary: true`; to choose an arm by name takes more than asking. */
export function scopeOfAsking(headers: Headers): 'predict' | 'write' {
  return headers['x-gyre-variant'] === undefined ? 'predict' : 'write'
}

/**
 * `x-gyre-variant: canary` or `stable`, or `canary: true`; names in lower case, as node gives them.
 * Throws INVALID_ARGUMENT naming the header.
 */
export function askedArm(headers: Headers): AskedArm {
  const variant = headers['x-gyre-variant']
  if (variant === undefined) return headers['canary'] === 'true' ? 'canary' : undefined
  if (variant === 'canary' || variant === 'stable') return variant
  throw new GyreError(
    'INVALID_ARGUMENT',
    `header x-gyre-variant: expected canary or stable, got ${JSON.stringify(variant)}`,
    { field: 'x-gyre-variant', got: variant },
  )
}
