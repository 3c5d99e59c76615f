import type { GateBounds } from '@gyre/sdk/wire/gate'
import { failed, type BoundName, type Finding } from './gate-bound.ts'
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
  const judged = bounds.confident ? farEnd(mark, match, sense) : sized(value, sense)
  if (judged === undefined) return failed('there is no confidence interval of the difference')
  return { kind: 'compared', value: judged, ...boundAt(mark, match, sense) }
}

function withoutRival(rival: Match['rival']): Finding {
  return rival === 'champion'
    ? { kind: 'settled', passed: true, reason: 'there is no champion yet' }
    : failed('there is no baseline to compare with')
}

/** The candidate at the unfavourable end of the interval of its difference from the champion. */
function farEnd(
  mark: number,
  { metric, rival, evidence }: Match,
  sense: MetricSense,
): number | undefined {
  const difference = rival === 'champion' ? evidence.differences?.[metric] : undefined
  if (!difference || sense.magnitude) return undefined
  return mark + (sense.better === 'lower' ? difference.upper : difference.lower)
}

function boundAt(
  mark: number,
  { comparison, bounds }: Match,
  { better }: MetricSense,
): { name: BoundName; bound: number } {
  const margin = bounds.margin ?? 0
  if (comparison === 'betterThan')
    return better === 'lower'
      ? { name: 'below', bound: mark - margin }
      : { name: 'above', bound: mark + margin }
  return better === 'lower'
    ? { name: 'atMost', bound: mark + margin }
    : { name: 'atLeast', bound: mark - margin }
}
