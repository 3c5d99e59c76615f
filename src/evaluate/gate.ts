import {
  SLICE_ROWS,
  sliceRulesOf,
  type GateBounds,
  type GateCheck,
  type GateRule,
  type GateRules,
  type Interval,
  type SliceRule,
  type Verdict,
} from '@gyre/sdk/wire/gate'
import { digestOfJson, type Digest } from '../core/digest.ts'
import { GyreError } from '../core/errors.ts'
import { BOUND_NAMES, boundText, failed, outcomeOf, type Finding } from './gate-bound.ts'
import type { GateEvidence, SlicedEvidence } from './gate-evidence.ts'
import { againstRival, matchText, type Match } from './gate-rival.ts'
import { checkGap } from './gate-gap.ts'
import { findSense, sized } from './metric.ts'

export interface Evidence extends GateEvidence {
  /** What the rules say of slices is judged by these. */
  readonly slices?: readonly SlicedEvidence[] | undefined
}

/**
 * Judges a candidate: every bound of the rules is one check, and all must pass. A metric that is missing,
 * null or NaN fails, and so does a rule about slices where none had enough rows; a comparison with the champion
 * passes while there is none, with a baseline it fails.
 * Throws INVALID_ARGUMENT when the rules check nothing.
 */
export function judge(evidence: Evidence, rules: GateRules): Pick<Verdict, 'passed' | 'checks'> {
  const checks = Object.entries(rules).flatMap(([metric, rule]) => [
    ...checkAll(metric, rule, evidence).map(({ check }) => betweenGroups(check, rule, evidence)),
    ...(rule.gapAtMost === undefined ? [] : [checkGap(metric, rule.gapAtMost, rule, evidence)]),
    ...sliceRulesOf(rule).flatMap((worst) => checkSlices(metric, worst, evidence.slices ?? [])),
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
  { by, minRows = SLICE_ROWS, ...bounds }: SliceRule,
  slices: readonly SlicedEvidence[],
): GateCheck[] {
  const measured = slices.find((one) => one.by === by && one.minRows === minRows)
  const { judged = [], tooSmall = 0 } = measured ?? {}
  const found = { judged: judged.length, tooSmall }
  const bySlice = judged.map(({ slice, ...evidence }) =>
    checkAll(metric, bounds, evidence).map(({ check, slack }) => {
      const name = `${by} = ${slice}`
      const reason = `${check.reason} for ${name}, the worst of ${sliceText(found, minRows)}`
      return { check: { ...check, slice: name, slices: found, reason }, slack }
    }),
  )
  const [first] = bySlice
  if (!first)
    return checkAll(metric, bounds, { metrics: {} }).map(({ check }) => ({
      ...check,
      slices: found,
      reason: `no slice by ${by} has ${minRows} rows`,
    }))
  return first.map((_, bound) => {
    const candidates = bySlice.flatMap((checks) => checks[bound] ?? [])
    return candidates.reduce((worst, each) => (isWorse(each, worst) ? each : worst)).check
  })
}

/** `3 slices (2 of fewer than 500 rows not judged)`. */
function sliceText(
  { judged, tooSmall }: { readonly judged: number; readonly tooSmall: number },
  minRows: number,
  noun = 'slice',
): string {
  const slices = `${judged} ${noun}${judged === 1 ? '' : 's'}`
  return tooSmall === 0
    ? slices
    : `${slices} (${tooSmall} of fewer than ${minRows} rows not judged)`
}

function isWorse(a: Judged, b: Judged): boolean {
  return a.check.passed === b.check.passed ? a.slack < b.slack : b.check.passed
}

/** A check of a metric that compares groups, with the two that are furthest apart. */
function betweenGroups(
  check: GateCheck,
  { by, minRows = SLICE_ROWS }: GateRule,
  { groups }: GateEvidence,
): GateCheck {
  if (by === undefined) return check
  const measured = groups?.[check.metric]
  const { judged = 0, tooSmall = 0, gap = null } = measured ?? {}
  const counted = sliceText({ judged, tooSmall }, minRows, 'group')
  const where = gap ? `between ${by} = ${gap.high} and ${by} = ${gap.low}, of` : 'among'
  return { ...check, reason: `${check.reason} ${where} ${counted}` }
}

/** One check for each bound stated. */
function checkAll(metric: string, bounds: GateBounds, evidence: GateEvidence): Judged[] {
  const value = evidence.metrics[metric]
  const interval = evidence.intervals?.[metric]
  const check = (rule: string, find: (value: number) => Finding) => {
    if (value == null || !Number.isFinite(value))
      return toJudged({ metric, rule, value: null, finding: missing(value) })
    return toJudged({ metric, rule, value, interval, finding: find(value) })
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
    const match: Match = { metric, comparison, rival, bounds, evidence }
    return check(matchText(match), (found) => againstRival(match, found))
  })
  return [...thresholds, ...comparisons]
}

function missing(value: number | null | undefined): Finding {
  return failed(value == null ? 'the metric is missing' : `the metric is ${value}`)
}

function toJudged(judged: {
  metric: string
  rule: string
  value: number | null
  interval?: Interval | undefined
  finding: Finding
}): Judged {
  const { metric, rule, value, interval, finding } = judged
  const { passed, reason, slack } = outcomeOf(finding)
  const bound = finding.kind === 'compared' ? finding.bound : null
  const check = { metric, rule, value, ...(interval && { interval }), bound, passed, reason }
  return { check, slack }
}
