import type { AnalysisReply } from '@gyre/sdk/wire/release'
import { GyreError } from '../core/errors.ts'
import {
  againstAtLeast,
  againstAtMostEqual,
  againstRate,
  logE,
  RATIOS,
  type Bets,
  type FailureCount,
} from './e-process.ts'
import { totalOf, type EvidenceRow } from './evidence.ts'
import { canaryRateUpper, rateRatioUpper } from './upper-bound.ts'

export interface AnalysisPlan {
  /** Every one must pass; a single failing one fails the canary. */
  readonly metrics: readonly string[]
  /** Pass when the canary's failure rate is surely below this, 0..1. */
  readonly ceiling: number
  /** Pass when canary rate / stable rate is surely below this, ≥ 1. */
  readonly margin: number
}

export interface Analysis extends AnalysisReply {
  readonly metric: string
  /** About how many more canary requests until an answer, if things go on as so far; null if unknown. */
  readonly needed: number | null
}

/** Chance of rolling back a canary that is no worse than stable, or of passing one that is too bad. */
const ALPHA = 0.05

/**
 * Whether to promote a canary, to roll it back, or to wait: a pure function of sums, valid at any peek.
 * `fail` when ln E against "no worse than stable" exceeds ln 1/α, α = 0.05 / metrics; else `pass` when the
 * upper bound of the failure rate is under the ceiling or that of the rate ratio under the margin; else
 * `hold`. The answer is that of the metric that decided. Throws INVALID_ARGUMENT without metrics.
 */
export function analyse(rows: readonly EvidenceRow[], plan: AnalysisPlan): Analysis {
  const each = analyseEach(rows, plan)
  const deciding =
    each.find(({ verdict }) => verdict === 'fail') ??
    each.find(({ verdict }) => verdict === 'hold') ??
    each[0]
  if (!deciding)
    throw new GyreError('INVALID_ARGUMENT', 'plan.metrics: expected at least one metric, got none')
  return deciding
}

/** The answer for every metric of the plan, in its order. */
export function analyseEach(rows: readonly EvidenceRow[], plan: AnalysisPlan): Analysis[] {
  const logThreshold = Math.log(plan.metrics.length / ALPHA)
  return plan.metrics.map((metric) => {
    const evidence = rows.filter(
      (row) => row.metric === metric && row.weightBp > 0 && row.weightBp < 10_000,
    )
    return analyseMetric(metric, evidence, { ...plan, logThreshold })
  })
}

interface Limits {
  readonly ceiling: number
  readonly margin: number
  readonly logThreshold: number
}

function analyseMetric(metric: string, rows: readonly EvidenceRow[], limits: Limits): Analysis {
  const { logThreshold } = limits
  const [canary, stable] = [totalOf(rows, 'canary'), totalOf(rows, 'stable')]
  const [bySubject, byRequest] = [failuresOf(rows, 'subjectsFailed'), failuresOf(rows, 'failures')]
  const found: Found = {
    logE: logE(againstAtMostEqual(bySubject)),
    canaryRateUpper: canaryRateUpper(canary, logThreshold),
    // The worse of both countings: a subject that fails at every request counts once in the first.
    rateRatioUpper: worse(
      rateRatioUpper(bySubject, logThreshold),
      rateRatioUpper(byRequest, logThreshold),
    ),
    canary: { requests: canary.requests, failures: canary.failures },
    stable: { requests: stable.requests, failures: stable.failures },
  }
  const needed = furtherRequests(found.canary, limits, [
    againstAtMostEqual(bySubject),
    againstAtLeast(byRequest, limits.margin),
    againstRate(canary.requests, canary.failures, limits.ceiling),
  ])
  return { ...found, ...verdictOf(found, limits, needed), metric }
}

type Found = Omit<AnalysisReply, 'verdict' | 'reason'>

function verdictOf(
  found: Found,
  { ceiling, margin, logThreshold }: Limits,
  needed: number | null,
): Pick<Analysis, 'verdict' | 'reason' | 'needed'> {
  const { canary, stable } = found
  if (stable.requests === 0)
    return {
      verdict: 'hold',
      reason: 'not enough data: no stable requests to compare with',
      needed,
    }
  if (found.logE > logThreshold) {
    const counts = `${canary.failures} of ${canary.requests} against ${stable.failures} of ${stable.requests}`
    const reason = `the canary fails more often than stable: ${counts}`
    return { verdict: 'fail', reason, needed: 0 }
  }
  if (found.canaryRateUpper !== null && found.canaryRateUpper < ceiling) {
    const reason = `the canary's failure rate is at most ${percent(found.canaryRateUpper)}, below ${percent(ceiling)}`
    return { verdict: 'pass', reason, needed: 0 }
  }
  if (found.rateRatioUpper !== null && found.rateRatioUpper < margin) {
    const reason = `the canary fails at most ${digits(found.rateRatioUpper)} times as often as stable, below ${margin}`
    return { verdict: 'pass', reason, needed: 0 }
  }
  const total = needed === null ? 'an unknown number of' : `about ${canary.requests + needed}`
  const reason = `not enough data: ${canary.requests} of ${total} canary requests`
  return { verdict: 'hold', reason, needed }
}

/** If counts keep growing in proportion, each bet's log wealth does: the first to reach its share decides. */
function furtherRequests(
  { requests }: { readonly requests: number },
  { ceiling, logThreshold }: Limits,
  wagers: readonly Bets[],
): number | null {
  const goal = logThreshold + Math.log(RATIOS.length)
  if (requests === 0) return Math.ceil(goal / Math.max(...againstRate(1, 0, ceiling)))
  const best = Math.max(...wagers.flat())
  if (best <= 0) return null
  return Math.max(1, Math.ceil(requests * (goal / best - 1)))
}

function failuresOf(
  rows: readonly EvidenceRow[],
  counting: 'failures' | 'subjectsFailed',
): FailureCount[] {
  return rows.map(({ weightBp, canary, stable }) => ({
    weight: weightBp / 10_000,
    canary: canary[counting],
    stable: stable[counting],
  }))
}

function worse(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : Math.max(a, b)
}

function percent(share: number): string {
  return `${digits(share * 100)} %`
}

function digits(value: number): string {
  return String(Number(value.toPrecision(3)))
}
