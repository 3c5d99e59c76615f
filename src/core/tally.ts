import { binCount, type Bins } from './histogram.ts'

export interface Tally {
  /** Present values per bin, in the order of the bins. */
  readonly counts: readonly number[]
  readonly present: number
  /** Null, undefined and NaN. */
  readonly missing: number
  /**
   * Share of the present values outside the reference's minimum and maximum, or of categories it never
   * held; null when nothing is present, or when pooled categories hide which ones those are.
   */
  readonly outOfRange: number | null
}

type Value = number | string | null | undefined

/** Where a present value falls, and whether the reference reached that far. */
interface Placing {
  readonly binOf: (value: Value) => number
  readonly isOutside: ((value: Value) => boolean) | undefined
}

/** How the values spread over the bins. O(values · log bins). */
export function countInto(bins: Bins, values: ArrayLike<Value>): Tally {
  const counts = Array.from({ length: binCount(bins) }, () => 0)
  const { binOf, isOutside } = placing(bins)
  let [missing, outside] = [0, 0]
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (value == null || Number.isNaN(value)) {
      missing++
      continue
    }
    const bin = binOf(value)
    counts[bin] = (counts[bin] ?? 0) + 1
    if (isOutside?.(value)) outside++
  }
  const present = values.length - missing
  return { counts, present, missing, outOfRange: isOutside && present ? outside / present : null }
}

function placing(bins: Bins): Placing {
  switch (bins.kind) {
    case 'ranges':
      return {
        binOf: (value) => rangeOf(bins.edges, Number(value)),
        isOutside: (value) => Number(value) < bins.min || Number(value) > bins.max,
      }
    case 'numbers': {
      const place = new Map(bins.values.map((value, bin) => [value, bin]))
      return {
        binOf: (value) => place.get(Number(value)) ?? bins.values.length,
        isOutside: (value) => Number(value) < bins.min || Number(value) > bins.max,
      }
    }
    case 'categories': {
      const place = new Map(bins.values.map((value, bin) => [value, bin]))
      const isOutside = (value: Value) => !place.has(String(value))
      return {
        binOf: (value) => place.get(String(value)) ?? bins.values.length,
        isOutside: bins.pooled === 0 ? isOutside : undefined,
      }
    }
  }
}

/** How many edges are ≤ value: the index of its bin. */
function rangeOf(edges: readonly number[], value: number): number {
  let [low, high] = [0, edges.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((edges[middle] ?? 0) <= value) low = middle + 1
    else high = middle
  }
  return low
}
