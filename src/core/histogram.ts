import { quantile, sortedFinite } from './quantile.ts'

/** Up to this many distinct numbers each get a bin of their own: quantiles of so few would coincide. */
const FEW_DISTINCT = 20

/**
 * How values fall into bins; plain JSON, so that it is kept with the reference it was cut from.
 * - `ranges`: bin i holds edges[i−1] ≤ x < edges[i]; the outer two are open towards −∞ and +∞.
 * - `numbers`, `categories`: one bin per value, in this order, and a last one for everything else.
 * `min` and `max` are the reference's; `pooled` counts the reference's categories that got no bin.
 */
export type Bins =
  | {
      readonly kind: 'ranges'
      readonly edges: readonly number[]
      readonly min: number
      readonly max: number
    }
  | {
      readonly kind: 'numbers'
      readonly values: readonly number[]
      readonly min: number
      readonly max: number
    }
  | { readonly kind: 'categories'; readonly values: readonly string[]; readonly pooled: number }

/**
 * Bins of about equal reference counts (`count` of them, fewer where quantiles coincide), or one per
 * value when the reference has at most 20. Only finite values take part; undefined when there are none.
 */
export function numericBins(reference: ArrayLike<number>, count = 10): Bins | undefined {
  const sorted = sortedFinite(reference)
  const [min, max] = [sorted[0], sorted.at(-1)]
  if (min === undefined || max === undefined) return undefined
  const few = fewDistinct(sorted)
  if (few) return { kind: 'numbers', values: few, min, max }
  const inner = Array.from({ length: count - 1 }, (_, i) => quantile(sorted, (i + 1) / count))
  // An edge at the minimum would leave an empty bin below it: a heavy tie there is one bin.
  const edges = [...new Set(inner)].filter((edge) => edge > min)
  return { kind: 'ranges', edges, min, max }
}

function fewDistinct(sorted: Float64Array): number[] | undefined {
  const values: number[] = []
  for (const value of sorted) {
    if (value === values.at(-1)) continue
    if (values.length === FEW_DISTINCT) return undefined
    values.push(value)
  }
  return values
}

/** The `top` most frequent categories of the reference (ties by name), the rest pooled. */
export function categoryBins(counts: ReadonlyMap<string, number>, top = 20): Bins {
  const byCount = [...counts].toSorted(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
  const values = byCount.slice(0, top).map(([category]) => category)
  return { kind: 'categories', values, pooled: counts.size - values.length }
}

/** How many bins these are, the pooled one included. */
export function binCount(bins: Bins): number {
  return bins.kind === 'ranges' ? bins.edges.length + 1 : bins.values.length + 1
}
