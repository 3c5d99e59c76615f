import type { GateBounds } from '@gyre/sdk/wire/gate'
import { decimal, failed, shown, type BoundName, type Finding } from './gate-bound.ts'
import type { Difference } from './difference.ts'
import type { GateEvidence } from './gate-evidence.ts'
import { findSense, sized, type MetricSense } from './metric.ts'

export interface Match {
  readonly metric: string
  readonly comparison: 'betterThan' | 'notWorseThan'
  readonly rival: 'baseline' | 'champion'
  readonly bounds: GateBounds
  readonly evidence: GateEvidence
}

/** `better than the champion by more than 0.01`. */
export function matchText({ comparison, rival, bounds }: Match): string {
  const margin = bounds.margin ? ` by more than ${bounds.margin}` : ''
  const sure = bounds.confident ? ', with confidence' : ''
  return `${comparison === 'betterThan' ? 'better' : 'not worse'} than the ${rival}${margin}${sure}`
}

/** A comparison as a bound: the rival's own value, moved by the margin. `value` is the candidate's. */
export function againstRival(match: Match, value: number): Finding {
  const { metric, rival, bounds, evidence } = match
  const theirs = evidence[rival]
  if (!theirs) return withoutRival(rival)
  const sense = bounds.better ? { better: bounds.better } : findSense(metric)
  if (!sense) return failed(`the rule must say whether ${metric} is better higher or lower`)
  const level = theirs[metric]
  if (level == null || !Number.isFinite(level)) return failed(`the ${rival} has no ${metric}`)
  const mark = sized(level, sense)
  if (bounds.confident) return withConfidence(mark, match, sense)
  return { kind: 'compared', value: sized(value, sense), ...boundAt(mark, match, sense) }
}

/** The candidate at the unfavourable end of the interval of its difference from the champion. */
function withConfidence(mark: number, match: Match, sense: MetricSense): Finding {
  const { metric, rival, evidence } = match
  const difference = rival === 'champion' ? evidence.differences?.[metric] : undefined
  if (!difference || sense.magnitude || !isWhole(difference))
    return failed('there is no confidence interval of the difference')
  const { value, lower, upper } = difference
  const judged = decimal(mark + (sense.better === 'lower' ? upper : lower))
  const from = `the ${rival}'s ${shown(mark)}, and a difference of ${shown(value)}, 95 % between ${shown(lower)} and ${shown(upper)}, at its worse end`
  return { kind: 'compared', value: judged, ...boundAt(mark, match, sense), from }
}

function isWhole({ value, lower, upper }: Difference): boolean {
  return [value, lower, upper].every(Number.isFinite)
}

function withoutRival(rival: Match['rival']): Finding {
  return rival === 'champion'
    ? { kind: 'settled', passed: true, reason: 'there is no champion yet' }
    : failed('there is no baseline to compare with')
}

function boundAt(
  mark: number,
  { comparison, bounds }: Match,
  { better }: MetricSense,
): { name: BoundName; bound: number } {
  const margin = bounds.margin ?? 0
  const [under, over] =
    margin === 0 ? [mark, mark] : [decimal(mark - margin), decimal(mark + margin)]
  if (comparison === 'betterThan')
    return better === 'lower' ? { name: 'below', bound: under } : { name: 'above', bound: over }
  return better === 'lower' ? { name: 'atMost', bound: over } : { name: 'atLeast', bound: under }
}
