import type { Interval } from '@gyre/sdk/wire/gate'
import type { Random } from '../core/random.ts'
import type { GapOf, GroupCounts } from './fairness.ts'
import { percentileInterval, type Resampling } from './resampling.ts'

/**
 * The 95 % interval of a gap between groups, over rows drawn with replacement within each group; null where the gap
 * itself is not known. A gap is never below 0 and looks wider than it is, the more so the more groups there are: the
 * percentiles alone miss a true 0, their mirror image at the value misses wide gaps, and the hull of both missed
 * neither (docs/adr/0025). The same seed gives the same interval. O(rounds · rows).
 * Source: Davison & Hinkley, Bootstrap Methods and their Application (1997), §5.2.
 */
export function gapInterval(
  groups: readonly GroupCounts[],
  gapOf: GapOf,
  { random, rounds }: Resampling,
): Interval | null {
  const value = gapOf(groups)?.value
  if (value === undefined) return null
  const gaps = Array.from(
    { length: rounds },
    () => gapOf(groups.map((group) => redrawn(group, random)))?.value ?? null,
  )
  const drawn = percentileInterval(gaps.filter((gap) => gap !== null))
  if (!drawn) return null
  return {
    lower: Math.max(0, Math.min(drawn.lower, 2 * value - drawn.upper)),
    upper: Math.min(1, Math.max(drawn.upper, 2 * value - drawn.lower)),
  }
}

/** As many rows as the group has, drawn from them with replacement. */
function redrawn(
  { group, rows, positives, predicted, truePositives }: GroupCounts,
  random: Random,
): GroupCounts {
  const drawn = { positives: 0, predicted: 0, truePositives: 0 }
  for (let draw = 0; draw < rows; draw++) {
    // The rows in the order: predicted 1 and so, predicted 0 and was 1, predicted 1 and was 0, the others.
    const row = Math.floor(random() * rows)
    const isPositive = row < positives
    const isPredicted =
      row < truePositives || (!isPositive && row < positives + predicted - truePositives)
    if (isPositive) drawn.positives += 1
    if (isPredicted) drawn.predicted += 1
    if (isPositive && isPredicted) drawn.truePositives += 1
  }
  return { group, rows, ...drawn }
}
