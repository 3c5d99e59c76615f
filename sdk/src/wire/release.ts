import { z } from 'zod'
import { Duration, Instant, Name, RefText } from './ref.ts'

/** One share of a canary, judged on its own evidence before the next begins. What it leaves out, the plan says. */
export const ReleaseStage = z.strictObject({
  /** Share of subjects on the canary, in basis points (1000 = 10 %). */
  weightBp: z.number().int().min(1).max(9999),
  minSamples: z.exactOptional(z.number().int().min(0)),
  deadline: z.exactOptional(Duration),
  advance: z.exactOptional(z.enum(['automatic', 'manual'])),
})
export type ReleaseStage = z.infer<typeof ReleaseStage>

/** More stages than anyone waits for; each makes the proof of the others dearer. */
const MAX_STAGES = 20

/** How a version is brought to an endpoint, and what decides. */
export const ReleasePlan = z.strictObject({
  kind: z.enum(['immediate', 'canary', 'shadow', 'blue-green', 'bandit']),
  /** Share of subjects on a canary without `stages`, in basis points (1000 = 10 %). */
  weightBp: z.number().int().min(1).max(9999).default(1000),
  /** Rising shares; after the last one comes all traffic. None: one stage of `weightBp`. */
  stages: z.array(ReleaseStage).max(MAX_STAGES).default([]).superRefine(rise),
  /** Canary requests of a stage before it may pass; it may fail earlier. */
  minSamples: z.number().int().min(0).default(0),
  /** Who lets a stage that has passed go on: the analysis, or a person (`approve`). */
  advance: z.enum(['automatic', 'manual']).default('automatic'),
  /** Pass when the canary's failure rate is surely below this. */
  ceiling: z.number().positive().max(1).default(0.01),
  /** Pass when canary failures / stable failures is surely below this; the same of slow requests. */
  margin: z.number().min(1).default(1.5),
  /** An answer that took longer than this is slow, milliseconds; null: latency is not judged. */
  slowMs: z.number().positive().nullable().default(null),
  /** Pass when the share of the canary's slow requests is surely below this. */
  slowCeiling: z.number().positive().max(1).default(0.05),
  /** Event time since its stage began after which an undecided canary is taken back; `0` = it may wait for ever. */
  deadline: Duration.default('0'),
  /** Share of the answered requests that a shadow is asked too, in basis points. */
  sampleBp: z.number().int().min(1).max(10_000).default(10_000),
  /** A shadow agrees when no number of its answer is further from the primary's. */
  tolerance: z.number().min(0).default(1e-6),
  /** Neither arm of a bandit gets less than this share, in basis points. */
  floorBp: z.number().int().min(1).max(5000).default(500),
  /** The new version's largest share in a bandit, in basis points. */
  capBp: z.number().int().min(1).max(9999).default(9500),
  /** Event time after a prediction within which its label counts as a reward of a bandit. */
  horizon: Duration.default('7d'),
})
export type ReleasePlan = z.infer<typeof ReleasePlan>

function rise(stages: readonly ReleaseStage[], context: z.RefinementCtx): void {
  const falls = stages.findIndex(
    ({ weightBp }, i) => i > 0 && weightBp <= (stages[i - 1]?.weightBp ?? 0),
  )
  if (falls < 0) return
  const message = `expected more than the ${stages[falls - 1]?.weightBp} of the stage before`
  context.addIssue({ code: 'custom', path: [falls, 'weightBp'], message })
}

export const ReleaseState = z.enum(['open', 'promoted', 'rolled_back', 'superseded'])
export type ReleaseState = z.infer<typeof ReleaseState>

export const AnalysisReply = z.strictObject({
  verdict: z.enum(['pass', 'fail', 'hold']),
  reason: z.string(),
  logE: z.number(),
  canaryRateUpper: z.number().nullable(),
  rateRatioUpper: z.number().nullable(),
  canary: z.strictObject({ requests: z.number().int(), failures: z.number().int() }),
  stable: z.strictObject({ requests: z.number().int(), failures: z.number().int() }),
})
export type AnalysisReply = z.infer<typeof AnalysisReply>

/** How a release came to be: by its plan, or as the return to an earlier version. */
export const ReleaseKind = z.enum([
  'immediate',
  'canary',
  'shadow',
  'blue-green',
  'bandit',
  'rollback',
])
export type ReleaseKind = z.infer<typeof ReleaseKind>

export const Release = z.strictObject({
  id: z.string(),
  endpoint: z.string(),
  kind: ReleaseKind,
  state: ReleaseState,
  plan: ReleasePlan,
  from: z.string().nullable(),
  to: z.string(),
  /** Set when the gate was overridden, with the reason given. */
  forced: z.string().nullable(),
  /** Why it was opened, in the words of who did; null where nothing was said. */
  why: z.string().nullable(),
  /** Which stage of the plan it has reached, counted from 0. */
  stage: z.number().int(),
  /** Event time when that stage began; null before the endpoint has any. */
  stageAt: z.string().nullable(),
  openedAt: z.string(),
  closedAt: z.string().nullable(),
  /** Event time when it was opened; null before the endpoint has any. */
  at: z.string().nullable(),
  actor: z.string(),
  /** Why it was promoted or taken back; null while it is open. */
  reason: z.string().nullable(),
  analysis: AnalysisReply.nullable(),
})
export type Release = z.infer<typeof Release>

export const OpenRelease = z.strictObject({
  /** `model:NAME@VERSION`. */
  model: RefText,
  plan: ReleasePlan.partial().default({}),
  /** Event time, for a replay; the endpoint's when absent. */
  at: z.exactOptional(Instant),
  /** Why the gate is overridden; without it a version without a passing verdict is refused. */
  force: z.exactOptional(z.string().min(1)),
  /** Recorded with the release. */
  why: z.exactOptional(z.string().min(1).max(4096)),
})
export type OpenRelease = z.infer<typeof OpenRelease>

/** How a shadow's answers compare with those that were given. */
export const ShadowReport = z.strictObject({
  /** Answered by both. */
  compared: z.number().int(),
  agreed: z.number().int(),
  /** The shadow gave an error. */
  failed: z.number().int(),
  /** Not asked: its queue was full. */
  dropped: z.number().int(),
  /** Over all numbers of all answers; null before any could be compared. */
  maxAbsDiff: z.number().nullable(),
  /** Mean latencies of the compared, milliseconds. */
  primaryMs: z.number().nullable(),
  shadowMs: z.number().nullable(),
})
export type ShadowReport = z.infer<typeof ShadowReport>

/** What a bandit has learned, and how it shares the subjects. */
export const BanditReport = z.strictObject({
  /** The share of subjects on the new version, after floor and cap, in basis points. */
  weightBp: z.number().int(),
  arms: z.array(
    z.strictObject({
      model: z.string(),
      /** Labels of 1 and of 0. */
      successes: z.number().int(),
      failures: z.number().int(),
      /** Of Beta(1 + successes, 1 + failures). */
      mean: z.number(),
      /** Share of all labels; null before the first. */
      allocation: z.number().nullable(),
      /** Share of all requests that chance decided; null before the first. */
      observed: z.number().nullable(),
    }),
  ),
})
export type BanditReport = z.infer<typeof BanditReport>

/** A release with what each stage of its plan has shown so far. */
export const ReleaseStatus = z.strictObject({
  release: Release,
  stages: z.array(
    z.strictObject({
      weightBp: z.number().int(),
      minSamples: z.number().int(),
      deadline: Duration,
      advance: z.enum(['automatic', 'manual']),
      state: z.enum(['ahead', 'under way', 'over']),
      /** One for each metric: `errors`, and `slow` where the plan judges latency. */
      metrics: z.array(AnalysisReply.extend({ metric: z.string() })),
    }),
  ),
  /** Null for what is no shadow. */
  shadow: ShadowReport.nullable(),
  /** Null for what is no bandit. */
  bandit: BanditReport.nullable(),
})
export type ReleaseStatus = z.infer<typeof ReleaseStatus>

/** What answers for an endpoint at this moment. The route row alone decides traffic. */
export const RouteState = z.strictObject({
  endpoint: Name,
  rev: z.number().int(),
  stable: z.string().nullable(),
  previous: z.string().nullable(),
  canary: z
    .strictObject({
      model: z.string(),
      weightBp: z.number().int(),
      salt: z.string(),
      releaseId: z.string(),
      /** An answer that took longer counts as slow, milliseconds; absent where latency is not judged. */
      slowMs: z.exactOptional(z.number()),
    })
    .nullable(),
  /** Asked after the reply is out; absent where none runs. */
  shadow: z.exactOptional(
    z.strictObject({
      model: z.string(),
      releaseId: z.string(),
      sampleBp: z.number().int(),
      tolerance: z.number(),
    }),
  ),
})
export type RouteState = z.infer<typeof RouteState>

export const RollbackRequest = z.strictObject({ reason: z.string().min(1).max(4096) })
export type RollbackRequest = z.infer<typeof RollbackRequest>
