import type { GateBounds, GateCheck } from '@gyre/sdk/wire/gate'
import { decimal, outcomeOf, shown, type Finding } from './gate-bound.ts'
import type { GateEvidence } from './gate-evidence.ts'
import { findSense, sized } from './metric.ts'

/** Checks that a candidate is not much better on the rows it learned from: the mark of overfitting. */
export function checkGap(
  metric: string,
  bound: number,
  { better }: GateBounds,
  evidence: GateEvidence,
): GateCheck {
  const sense = better ? { better } : findSense(metric)
  const [now, then] = [evidence.metrics[metric], evidence.learned?.[metric]]
  const rule = `gap to the rows it learned from ≤ ${shown(bound)}`
  const refuse = (reason: string): GateCheck => ({
    metric,
    rule,
    value: null,
    bound,
    passed: false,
    reason,
  })
  if (!sense) return refuse(`the rule must say whether ${metric} is better higher or lower`)
  if (now == null || !Number.isFinite(now)) return refuse(missing(now, 'the metric'))
  if (then == null || !Number.isFinite(then))
    return refuse(missing(then, 'the metric on the rows it learned from'))
  const [here, there] = [sized(now, sense), sized(then, sense)]
  const gap = decimal(sense.better === 'lower' ? here - there : there - here)
  const from = `${shown(there)} on the rows it learned from, ${shown(here)} on these`
  const finding: Finding = { kind: 'compared', value: gap, name: 'atMost', bound, from }
  const { passed, reason } = outcomeOf(finding)
  return { metric, rule, value: gap, bound, passed, reason }
}

function missing(value: number | null | undefined, what: string): string {
  return value == null ? `${what} is missing` : `${what} is ${value}`
}
