import type { Interval } from '@gyre/sdk/wire/gate'
import { mean, variance } from '../core/stats.ts'
import { rank } from './auc.ts'
import type { Difference, PairedRows } from './difference.ts'
import { normalReach } from './normal.ts'
import { assertScoredRows, type ScoredRows } from './scored-rows.ts'

/** For each positive the share of negatives that it beats, for each negative the share of positives that beat it. */
interface Components {
  readonly positives: Float64Array
  readonly negatives: Float64Array
}

/**
 * The 95 % interval of an AUC, within 0..1; null with fewer than two rows of a class. O(n log n), nothing drawn
 * at random. Source: DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44.
 */
export function aucInterval({ scores, labels }: ScoredRows): Interval | null {
  assertScoredRows({ scores, labels })
  const { positives, negatives } = componentsOf(scores, labels)
  if (positives.length < 2 || negatives.length < 2) return null
  const value = mean(positives)
  const reach = normalReach(
    variance(positives) / positives.length + variance(negatives) / negatives.length,
  )
  return { lower: Math.max(0, value - reach), upper: Math.min(1, value + reach) }
}

/** The difference of two AUCs on the same rows, by the same method: the covariance of the two is in it. */
export function aucDifference({ candidate, champion, labels }: PairedRows): Difference | null {
  assertScoredRows({ scores: candidate, labels })
  assertScoredRows({ scores: champion, labels })
  const [ours, theirs] = [componentsOf(candidate, labels), componentsOf(champion, labels)]
  const positives = ours.positives.map((share, i) => share - (theirs.positives[i] ?? 0))
  const negatives = ours.negatives.map((share, i) => share - (theirs.negatives[i] ?? 0))
  if (positives.length < 2 || negatives.length < 2) return null
  const value = mean(positives)
  const reach = normalReach(
    variance(positives) / positives.length + variance(negatives) / negatives.length,
  )
  return { value, lower: value - reach, upper: value + reach }
}

function componentsOf(scores: ArrayLike<number>, labels: ArrayLike<number>): Components {
  const { groupOf, groups } = rank(scores)
  const [up, down] = [new Float64Array(groups), new Float64Array(groups)]
  for (let row = 0; row < groupOf.length; row++) {
    const side = labels[row] === 1 ? up : down
    const group = groupOf[row] ?? 0
    side[group] = (side[group] ?? 0) + 1
  }
  const [beats, isBeaten] = [sharesBelow(down), sharesBelow(up)]
  const rows = Array.from(groupOf)
  const of = (label: number) => rows.filter((_, row) => labels[row] === label)
  return {
    positives: Float64Array.from(of(1), (group) => beats[group] ?? 0),
    negatives: Float64Array.from(of(0), (group) => 1 - (isBeaten[group] ?? 0)),
  }
}

/** Per group the share of all that lie below it, its own half. */
function sharesBelow(counts: Float64Array): Float64Array {
  const total = counts.reduce((sum, count) => sum + count, 0)
  let below = 0
  return counts.map((count) => {
    const share = (below + count / 2) / total
    below += count
    return share
  })
}
