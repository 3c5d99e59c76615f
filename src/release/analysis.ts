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

export interface Metric {
  /** `errors`, or `slow`: answers that took longer than the plan allows. Either is a failure of its request. */
  readonly name: string
  /** Pass when the canary's failure rate is surely below this, 0..1. */
  readonly ceiling: number
}

export interface AnalysisPlan {
  /** Every one must pass; a single failing one fails the canary. */
  readonly metrics: readonly Metric[]
  /** How often the canary is judged on evidence of its own. */
  readonly stages: number
  /** Canary requests before it may pass. */
  readonly minSamples: number
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

/** Under the ceiling, or under the margin. With α for each, 6.5 % passed that lay on both (`npm run bench -- analysis`). */
const WAYS_TO_PASS = 2

/** How a reason tells of a metric. */
const WORDS: Readonly<Record<string, { readonly does: string; readonly rate: string }>> = {
  errors: { does: 'fails', rate: 'failure rate' },
  slow: { does: 'is slow', rate: 'share of slow answers' },
}

/**
 * Whether to promote a canary, to roll it back, or to wait: a pure function of sums, valid at any peek.
 * `fail` when ln E against "no worse than stable" exceeds ln 1/α, α = 0.05 / (metrics · stages): each of them is
 * another chance of a false alarm (Bonferroni). Else `pass` when the upper bound of the failure rate is under the
 * ceiling or that of the rate ratio under the margin, at α = 0.05 / (2 · metrics): there are two ways to pass, but a
 * canary that is too bad must pass every stage, so stages are no further chances. Else `hold`. The answer is that of the metric that decided. Throws
 * INVALID_ARGUMENT without metrics.
 */
export function analyse(rows: readonly EvidenceRow[], plan: AnalysisPlan): Analysis {
  return decidingOf(analyseEach(rows, plan))
}

/** The answer of the metric that decides. Throws INVALID_ARGUMENT where there is none. */
export function decidingOf(each: readonly Analysis[]): Analysis {
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
  const { metrics, stages, margin, minSamples } = plan
  return metrics.map(({ name, ceiling }) => {
    const evidence = rows.filter(
      (row) => row.metric === name && row.weightBp > 0 && row.weightBp < 10_000,
    )
    return analyseMetric(name, evidence, {
      ceiling,
      margin,
      minSamples,
      failsAt: Math.log((metrics.length * stages) / ALPHA),
      passesAt: Math.log((WAYS_TO_PASS * metrics.length) / ALPHA),
    })
  })
}

interface Limits {
  readonly ceiling: number
  readonly margin: number
  readonly minSamples: number
  /** ln E of an answer. */
  readonly failsAt: number
  readonly passesAt: number
}

function analyseMetric(metric: string, rows: readonly EvidenceRow[], limits: Limits): Analysis {
  const { failsAt, passesAt } = limits
  const [canary, stable] = [totalOf(rows, 'canary'), totalOf(rows, 'stable')]
  const [bySubject, byRequest] = [failuresOf(rows, 'subjectsFailed'), failuresOf(rows, 'failures')]
  const found: Found = {
    logE: logE(againstAtMostEqual(bySubject)),
    canaryRateUpper: canaryRateUpper(canary, passesAt),
    // The worse of both countings: a subject that fails at every request counts once in the first.
    rateRatioUpper: worse(rateRatioUpper(bySubject, passesAt), rateRatioUpper(byRequest, passesAt)),
    canary: { requests: canary.requests, failures: canary.failures },
    stable: { requests: stable.requests, failures: stable.failures },
  }
  const wagers = [
    { goal: failsAt, bets: againstAtMostEqual(bySubject) },
    { goal: passesAt, bets: againstAtLeast(byRequest, limits.margin) },
    { goal: passesAt, bets: againstRate(canary.requests, canary.failures, limits.ceiling) },
  ]
  const needed = furtherRequests(found.canary, limits, wagers)
  return { ...found, ...verdictOf(metric, found, limits, needed), metric }
}

type Found = Omit<AnalysisReply, 'verdict' | 'reason'>

type Answer = Pick<Analysis, 'verdict' | 'reason' | 'needed'>

function verdictOf(metric: string, found: Found, limits: Limits, needed: number | null): Answer {
  const { canary, stable } = found
  if (stable.requests === 0)
    return {
      verdict: 'hold',
      reason: 'not enough data: no stable requests to compare with',
      needed,
    }
  if (found.logE > limits.failsAt) {
    const counts = `${canary.failures} of ${canary.requests} against ${stable.failures} of ${stable.requests}`
    const reason = `the canary ${wordsOf(metric).does} more often than stable: ${counts}`
    return { verdict: 'fail', reason, needed: 0 }
  }
  const proof = proofOf(metric, found, limits)
  const missing = limits.minSamples - canary.requests
  if (proof !== undefined && missing <= 0) return { verdict: 'pass', reason: proof, needed: 0 }
  if (proof !== undefined) {
    const reason = `not enough data: ${canary.requests} of the plan's ${limits.minSamples} canary requests`
    return { verdict: 'hold', reason, needed: missing }
  }
  const total = needed === null ? 'an unknown number of' : `about ${canary.requests + needed}`
  const reason = `not enough data: ${canary.requests} of ${total} canary requests`
  return { verdict: 'hold', reason, needed }
}

/** Why the metric passes, if it does. */
function proofOf(
  metric: string,
  { canaryRateUpper: rate, rateRatioUpper: ratio }: Found,
  { ceiling, margin }: Limits,
): string | undefined {
  const words = wordsOf(metric)
  if (rate !== null && rate < ceiling)
    return `the canary's ${words.rate} is at most ${percent(rate)}, below ${percent(ceiling)}`
  if (ratio !== null && ratio < margin)
    return `the canary ${words.does} at most ${digits(ratio)} times as often as stable, below ${margin}`
  return undefined
}

function wordsOf(metric: string) {
  return WORDS[metric] ?? { does: `fails by ${metric}`, rate: `rate of ${metric}` }
}

interface Wager {
  /** ln E at which it decides. */
  readonly goal: number
  readonly bets: Bets
}

/** If counts keep growing in proportion, each bet's log wealth does: the first to reach its share decides. */
function furtherRequests(
  { requests }: { readonly requests: number },
  { ceiling, passesAt, minSamples }: Limits,
  wagers: readonly Wager[],
): number | null {
  const share = Math.log(RATIOS.length)
  const least = minSamples - requests
  if (requests === 0)
    return Math.max(least, Math.ceil((passesAt + share) / Math.max(...againstRate(1, 0, ceiling))))
  const factors = wagers.flatMap(({ goal, bets }) =>
    bets.filter((bet) => bet > 0).map((bet) => (goal + share) / bet),
  )
  if (factors.length === 0) return null
  return Math.max(1, least, Math.ceil(requests * (Math.min(...factors) - 1)))
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
