import type { GateBounds, GateCheck, GateRules, Verdict } from '@gyre/sdk/wire/gate'
import { digestOfJson, type Digest } from '../core/digest.ts'
import { GyreError } from '../core/errors.ts'
import { BOUND_NAMES, boundText, failed, outcomeOf, type Finding } from './gate-bound.ts'
import type { GateEvidence } from './gate-evidence.ts'
import { againstRival, matchText, type Match } from './gate-rival.ts'
import { findSense, sized } from './metric.ts'

export interface SlicedEvidence extends GateEvidence {
  /** The same for parts of the rows, by the slice's name. */
  readonly slices?: Readonly<Record<string, GateEvidence>> | undefined
}

/**
 * Judges a candidate: every bound of the rules is one check, and all must pass. A metric that is missing,
 * null or NaN fails; a comparison with the champion passes while there is none, with a baseline it fails.
 * Throws INVALID_ARGUMENT when the rules check nothing.
 */
export function judge(
  evidence: SlicedEvidence,
  rules: GateRules,
): Pick<Verdict, 'passed' | 'checks'> {
  const checks = Object.entries(rules).flatMap(([metric, { worstSlice, ...bounds }]) => [
    ...checkAll(metric, bounds, evidence).map(({ check }) => check),
    ...(worstSlice ? checkSlices(metric, worstSlice, evidence.slices ?? {}) : []),
  ])
  if (checks.length === 0)
    throw new GyreError('INVALID_ARGUMENT', 'rules: expected at least one bound, got none')
  return { passed: checks.every(({ passed }) => passed), checks }
}

/** Equal rules, however they are written down, have equal digests. */
export function gateDigest(rules: GateRules): Digest {
  return digestOfJson(rules)
}

interface Judged {
  readonly check: GateCheck
  readonly slack: number
}

/** For each bound the slice that breaks it, or that comes nearest to breaking it. */
function checkSlices(
  metric: string,
  bounds: GateBounds,
  slices: Readonly<Record<string, GateEvidence>>,
): GateCheck[] {
  const bySlice = Object.entries(slices).map(([slice, evidence]) =>
    checkAll(metric, bounds, evidence).map(({ check, slack }) => ({
      check: { ...check, slice },
      slack,
    })),
  )
  const [first] = bySlice
  if (!first) return checkAll(metric, bounds, undefined).map(({ check }) => check)
  return first.map((_, bound) => {
    const candidates = bySlice.flatMap((checks) => checks[bound] ?? [])
    return candidates.reduce((worst, each) => (isWorse(each, worst) ? each : worst)).check
  })
}

function isWorse(a: Judged, b: Judged): boolean {
  return a.check.passed === b.check.passed ? a.slack < b.slack : b.check.passed
}

/** One check for each bound stated; `evidence` is undefined where there was nothing to look at. */
function checkAll(
  metric: string,
  bounds: GateBounds,
  evidence: GateEvidence | undefined,
): Judged[] {
  const value = evidence?.metrics[metric]
  const check = (rule: string, find: (value: number) => Finding) => {
    if (value == null || !Number.isFinite(value))
      return toJudged({ metric, rule, value: null, finding: missing(evidence, value) })
    return toJudged({ metric, rule, value, finding: find(value) })
  }
  const thresholds = BOUND_NAMES.flatMap((name) => {
    const bound = bounds[name]
    if (bound === undefined) return []
    return check(boundText(name, bound), (found) => ({
      kind: 'compared',
      value: sized(found, findSense(metric)),
      name,
      bound,
    }))
  })
  const comparisons = (['betterThan', 'notWorseThan'] as const).flatMap((comparison) => {
    const rival = bounds[comparison]
    if (rival === undefined) return []
    const match: Match = {
      metric,
      comparison,
      rival,
      bounds,
      evidence: evidence ?? { metrics: {} },
    }
    return check(matchText(match), (found) => againstRival(match, found))
  })
  return [...thresholds, ...comparisons]
}

function missing(evidence: GateEvidence | undefined, value: number | null | undefined): Finding {
  if (!evidence) return failed('no slices were judged')
  return failed(value == null ? 'the metric is missing' : `the metric is ${value}`)
}

function toJudged(judged: {
  metric: string
  rule: string
  value: number | null
  finding: Finding
}): Judged {
  const { metric, rule, value, finding } = judged
  const { passed, reason, slack } = outcomeOf(finding)
  const bound = finding.kind === 'compared' ? finding.bound : null
  return { check: { metric, rule, value, bound, passed, reason }, slack }
}
