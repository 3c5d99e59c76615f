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

/** Logits to probabilities that add up to 1; the largest logit is taken off first, so none overflows. */
export function softmax(logits: ArrayLike<number>): Float64Array {
  const top = logits[argmax(logits)] ?? 0
  const powers = Float64Array.from(logits, (logit) => Math.exp(logit - top))
  const total = powers.reduce((sum, power) => sum + power, 0)
  return powers.map((power) => power / total)
}

/** A logit to a probability, without overflow at either end. */
export function sigmoid(logit: number): number {
  if (logit >= 0) return 1 / (1 + Math.exp(-logit))
  const power = Math.exp(logit)
  return power / (1 + power)
}

export interface Ranked {
  readonly index: number
  readonly value: number
}

/** The `count` largest values, largest first, equals in order of index; fewer when there are fewer. */
export function topK(values: ArrayLike<number>, count: number): Ranked[] {
  return Array.from(values, (value, index) => ({ index, value }))
    .toSorted((a, b) => b.value - a.value || a.index - b.index)
    .slice(0, count)
}
