/** The finite values in ascending order, as a new array: NaN stands for a missing value. */
export function sortedFinite(values: ArrayLike<number>): Float64Array {
  return new Float64Array(values).filter(Number.isFinite).toSorted()
}

/**
 * The value below which the share `at` (0..1) of the ascending `sorted` lies, linear between
 * neighbours; NaN for no values. Source: Hyndman & Fan (1996), type 7, numpy's default.
 */
export function quantile(sorted: ArrayLike<number>, at: number): number {
  const place = at * (sorted.length - 1)
  const low = Math.floor(place)
  const below = sorted[low] ?? Number.NaN
  const above = sorted[low + 1] ?? below
  return interpolate(below, above, place - low)
}

/** From the nearer end, so that equal neighbours give exactly their value (numpy's `_lerp`). */
function interpolate(from: number, to: number, share: number): number {
  return share < 0.5 ? from + (to - from) * share : to - (to - from) * (1 - share)
}
