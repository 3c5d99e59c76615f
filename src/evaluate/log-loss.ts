/** A certain score that is wrong costs 34.5 nats instead of infinity. */
const CERTAINTY = 1e-15

/** −ln of the probability that `score` (of class 1) gave to what happened, in nats. */
export function rowLogLoss(score: number, label: number): number {
  const given = label === 1 ? score : 1 - score
  return -Math.log(Math.min(Math.max(given, CERTAINTY), 1 - CERTAINTY))
}
