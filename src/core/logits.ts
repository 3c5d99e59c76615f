/** A logit (log-odds) to a probability, without overflow at either end. */
export function sigmoid(logit: number): number {
  if (logit >= 0) return 1 / (1 + Math.exp(-logit))
  const odds = Math.exp(logit)
  return odds / (1 + odds)
}

/** Logits to probabilities that add up to 1, in float64; the largest is taken off first, so none overflows. */
export function softmax(logits: ArrayLike<number>): Float64Array {
  const top = logits[argmax(logits)] ?? 0
  const powers = Float64Array.from(logits, (logit) => Math.exp(logit - top))
  const total = powers.reduce((sum, power) => sum + power, 0)
  return powers.map((power) => power / total)
}

/** Index of the largest value, the first of equals; −1 for no values. NaN never wins. */
export function argmax(values: ArrayLike<number>): number {
  let best = -1
  let top = Number.NEGATIVE_INFINITY
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? Number.NaN
    if (value > top || (best === -1 && value === top)) [best, top] = [i, value]
  }
  return best
}
