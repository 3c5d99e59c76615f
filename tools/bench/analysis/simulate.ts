import { ReleasePlan } from '@gyre/sdk/wire/release'
import { seededRandom, type Random } from '../../../src/core/random.ts'
import { decidingOf } from '../../../src/release/analysis.ts'
import type { EvidenceRow } from '../../../src/release/evidence.ts'
import { analyseStage, stagesOf } from '../../../src/release/stages.ts'
import { bucketOf, inCanary } from '../../../src/routes/split.ts'

/** True chances that a request fails, 0..1. */
export interface Rates {
  readonly stable: number
  readonly canary: number
}

/** What is true of the two versions and of those who ask, which the analysis has to find out. */
export interface World {
  /** By metric: `errors`, `slow`. */
  readonly rates: Readonly<Record<string, Rates>>
  /** Who asks; without it every request is a subject of its own. */
  readonly subjects?: {
    readonly count: number
    /** Share of the subjects whose every request fails, whoever answers. */
    readonly failing: number
    /** How many times as often as the others those ask. */
    readonly heaviness: number
  }
}

/** How one release ended. */
export interface Ended {
  readonly end: 'taken back' | 'promoted' | 'undecided'
  readonly canaryRequests: number
  /** A z-test at 5 %, repeated at every look, would have taken it back. */
  readonly byRepeatedTest: boolean
}

/** As often as a busy server judges: every so many requests. */
const LOOK_EVERY = 200

/** Carries out one release over `requests` by Gyre's own analysis, stage for stage, as `judging.ts` does. */
export function simulate(world: World, draft: object, requests: number, seed: number): Ended {
  const plan = ReleasePlan.parse({ kind: 'canary', ...draft })
  const stages = stagesOf(plan)
  const random = seededRandom(seed)
  const crowd = crowdOf(world, random, `run ${seed}`)
  const counters = Object.keys(world.rates).map((metric) => ({ metric, failed: new Set<string>() }))
  let reached = 0
  let canaryRequests = 0
  let byRepeatedTest = false
  let rows = counters.map(({ metric }) => emptyRow(metric, stages[0].weightBp))

  for (let i = 1; i <= requests; i++) {
    const stage = stages[reached] ?? stages[0]
    const { arm, subject, fails } = crowd(stage.weightBp)
    if (arm === 'canary') canaryRequests++
    for (const [at, { metric, failed }] of counters.entries()) {
      const sums = rows[at]?.[arm]
      if (!sums) continue
      sums.requests++
      if (!fails && random() >= (world.rates[metric]?.[arm] ?? 0)) continue
      sums.failures++
      if (subject !== undefined && failed.has(subject)) continue
      if (subject !== undefined) failed.add(subject)
      sums.subjectsFailed++
    }
    if (i % LOOK_EVERY !== 0) continue
    byRepeatedTest ||= rows.some((row) => zOf(row) > ONE_SIDED)
    const { verdict } = decidingOf(analyseStage(rows, plan, stage))
    if (verdict === 'fail') return { end: 'taken back', canaryRequests, byRepeatedTest }
    if (verdict !== 'pass') continue
    const next = stages[++reached]
    if (!next) return { end: 'promoted', canaryRequests, byRepeatedTest }
    rows = counters.map(({ metric }) => emptyRow(metric, next.weightBp))
  }
  return { end: 'undecided', canaryRequests, byRepeatedTest }
}

/** The 95th percentile of a standard normal variable. */
const ONE_SIDED = 1.645

type Sums = { -readonly [K in keyof EvidenceRow['canary']]: number }

interface GrowingRow extends EvidenceRow {
  readonly canary: Sums
  readonly stable: Sums
}

function emptyRow(metric: string, weightBp: number): GrowingRow {
  return { metric, weightBp, canary: nothing(), stable: nothing() }
}

function nothing(): Sums {
  return { requests: 0, failures: 0, subjectsFailed: 0 }
}

interface Request {
  readonly arm: 'canary' | 'stable'
  readonly subject: string | undefined
  /** Whoever answers. */
  readonly fails: boolean
}

/** Draws requests; arms by the split of `routes`, so that a subject keeps its own. */
function crowdOf({ subjects }: World, random: Random, salt: string): (weightBp: number) => Request {
  if (!subjects)
    return (weightBp) => ({
      arm: random() * 10_000 < weightBp ? 'canary' : 'stable',
      subject: undefined,
      fails: false,
    })
  const { count, failing, heaviness } = subjects
  const bad = Math.round(count * failing)
  const badShare = (bad * heaviness) / (bad * heaviness + count - bad)
  const buckets = Array.from({ length: count }, (_, id) => bucketOf(salt, String(id)))
  return (weightBp) => {
    const fails = random() < badShare
    const id = fails ? Math.floor(random() * bad) : bad + Math.floor(random() * (count - bad))
    const arm = inCanary(buckets[id] ?? 0, weightBp) ? 'canary' : 'stable'
    return { arm, subject: String(id), fails }
  }
}

/** Of the pooled two-sample test of proportions. */
function zOf({ canary, stable }: EvidenceRow): number {
  const [n, m] = [canary.requests, stable.requests]
  const pooled = (canary.failures + stable.failures) / (n + m)
  const deviation = Math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
  return deviation > 0 ? (canary.failures / n - stable.failures / m) / deviation : 0
}
