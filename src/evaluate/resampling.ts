import type { Interval } from '@gyre/sdk/wire/gate'
import { quantile } from '../core/quantile.ts'
import type { Random } from '../core/random.ts'

export interface Resampling {
  readonly random: Random
  readonly rounds: number
}

const TAILS = [0.025, 0.975] as const

/**
 * The 95 % percentile interval of each number that `measure` gives, over rows drawn with replacement: it gets how
 * often each row was drawn. Rounds in which a number is null are left out for it; a number that never was one is
 * left out whole. The same seed gives the same intervals. O(rounds · n).
 * Source: Efron & Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
 */
export function bootstrap(
  rows: number,
  { random, rounds }: Resampling,
  measure: (times: Uint32Array) => Readonly<Record<string, number | null>>,
): Record<string, Interval> {
  const times = new Uint32Array(rows)
  const measured = new Map<string, number[]>()
  for (let round = 0; round < rounds; round++)
    for (const [name, value] of Object.entries(measure(redraw(times, random)))) {
      if (value === null) continue
      const known = measured.get(name)
      if (known) known.push(value)
      else measured.set(name, [value])
    }
  return Object.fromEntries(
    [...measured].flatMap(([name, values]) => {
      const interval = percentileInterval(values)
      return interval ? [[name, interval]] : []
    }),
  )
}

/** Between what all but a fortieth of the drawn values exceed and what all but a fortieth stay below; null of none. */
export function percentileInterval(drawn: readonly number[]): Interval | null {
  if (drawn.length === 0) return null
  const sorted = drawn.toSorted((a, b) => a - b)
  return { lower: quantile(sorted, TAILS[0]), upper: quantile(sorted, TAILS[1]) }
}

/** Draws as many rows as there are, with replacement, and counts them in place. */
function redraw(times: Uint32Array, random: Random): Uint32Array {
  times.fill(0)
  for (let draw = 0; draw < times.length; draw++) {
    const row = Math.floor(random() * times.length)
    times[row] = (times[row] ?? 0) + 1
  }
  return times
}
