import type { Labels } from './matrix.ts'

/** The log-odds of a probability in (0, 1). */
export function logit(probability: number): number {
  return Math.log(probability / (1 - probability))
}

/** Mean negative log-likelihood, in nats, of 0/1 labels under scores in log-odds; finite for finite scores. */
export function logLossOfScores(scores: Float64Array, labels: Labels): number {
  let sum = 0
  for (let row = 0; row < scores.length; row++) {
    const score = scores[row] ?? 0
    const margin = labels[row] === 1 ? score : -score
    sum += Math.max(-margin, 0) + Math.log1p(Math.exp(-Math.abs(margin)))
  }
  return sum / scores.length
}
