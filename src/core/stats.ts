/** Arithmetic mean; NaN for no values, as in numpy. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i] ?? 0
  return sum / values.length
}

/**
 * Sample variance (divided by n − 1, numpy's `ddof=1`); NaN below two values. Two passes, so a large
 * mean costs no digits.
 */
export function variance(values: ArrayLike<number>): number {
  if (values.length < 2) return Number.NaN
  const centre = mean(values)
  let squares = 0
  for (let i = 0; i < values.length; i++) squares += ((values[i] ?? 0) - centre) ** 2
  return squares / (values.length - 1)
}

/** ln Σ exp(xᵢ) without overflow; −∞ for no values, as in scipy's `logsumexp`. */
export function logSumExp(values: ArrayLike<number>): number {
  let top = Number.NEGATIVE_INFINITY
  for (let i = 0; i < values.length; i++) top = Math.max(top, values[i] ?? 0)
  if (!Number.isFinite(top)) return top
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += Math.exp((values[i] ?? 0) - top)
  return top + Math.log(sum)
}

/** ln of the mean of exp(xᵢ): the logarithm of a mixture with equal weights. */
export function logMeanExp(values: ArrayLike<number>): number {
  return logSumExp(values) - Math.log(values.length)
}
