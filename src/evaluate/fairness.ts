import type { GroupGap } from '@gyre/sdk/wire/gate'
import type { ScoredRows } from './scored-rows.ts'

/** What a classifier made of the rows that share a value: whole rows, so that shares of them are exact. */
export interface GroupCounts {
  readonly group: string
  readonly rows: number
  readonly positives: number
  readonly predicted: number
  readonly truePositives: number
}

/** A metric of groups; null where it is not known of them. */
export type GapOf = (groups: readonly GroupCounts[]) => GroupGap | null

/** A share as it is counted. */
interface Share {
  readonly group: string
  readonly hits: number
  readonly of: number
}

/** A score of this or more predicts class 1, as for accuracy. */
const THRESHOLD = 0.5

/** The rows of each group, by their number. */
export type Groups = ReadonlyMap<string, readonly number[]>

/**
 * Demographic parity: the largest difference between groups in the share of rows that are predicted 1. Null below
 * two groups. Counted in whole rows and divided once, so that 0.05 is 0.05 and not 0.049999999999999989.
 */
export const demographicParity: GapOf = (groups) =>
  widest(groups.map(({ group, predicted, rows }) => ({ group, hits: predicted, of: rows })))

/**
 * Equalised odds: the larger of the largest differences between groups in true and in false positive rate. Null
 * below two groups, and where a group has rows of one class only: its rate of the other is not known.
 * Source: Hardt, Price & Srebro (2016).
 */
export const equalizedOdds: GapOf = (groups) => {
  const hits = widest(
    groups.map(({ group, truePositives, positives }) => ({
      group,
      hits: truePositives,
      of: positives,
    })),
  )
  const alarms = widest(
    groups.map(({ group, rows, positives, predicted, truePositives }) => ({
      group,
      hits: predicted - truePositives,
      of: rows - positives,
    })),
  )
  if (!hits || !alarms) return null
  return hits.value >= alarms.value ? hits : alarms
}

/** What the metrics of groups are computed from. */
export function countGroups(
  { scores, labels }: ScoredRows,
  groups: Groups,
): readonly GroupCounts[] {
  return [...groups].map(([group, rows]) => {
    const predicted = rows.filter((row) => (scores[row] ?? Number.NaN) >= THRESHOLD)
    const positives = rows.filter((row) => labels[row] === 1)
    return {
      group,
      rows: rows.length,
      positives: positives.length,
      predicted: predicted.length,
      truePositives: predicted.filter((row) => labels[row] === 1).length,
    }
  })
}

function widest(shares: readonly Share[]): GroupGap | null {
  const [first, ...others] = shares
  if (!first || others.length === 0 || shares.some(({ of }) => of === 0)) return null
  const high = others.reduce((top, each) => (difference(each, top) > 0 ? each : top), first)
  const low = others.reduce((least, each) => (difference(each, least) < 0 ? each : least), first)
  return { value: difference(high, low), high: high.group, low: low.group }
}

function difference(a: Share, b: Share): number {
  return (a.hits * b.of - b.hits * a.of) / (a.of * b.of)
}
