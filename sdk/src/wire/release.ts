import { z } from 'zod'
import { Duration, Instant, Name, RefText } from './ref.ts'

/** How a version is brought to an endpoint, and what decides. */
export const ReleasePlan = z.strictObject({
  kind: z.enum(['immediate', 'canary']),
  /** Share of subjects on the canary, in basis points (1000 = 10 %). */
  weightBp: z.number().int().min(1).max(9999).default(1000),
  /** Pass when the canary's failure rate is surely below this. */
  ceiling: z.number().positive().max(1).default(0.01),
  /** Pass when canary failures / stable failures is surely below this. */
  margin: z.number().min(1).default(1.5),
  /** Event time after which an undecided canary is taken back; `0` = it may wait for ever. */
  deadline: Duration.default('0'),
})
export type ReleasePlan = z.infer<typeof ReleasePlan>

export const ReleaseState = z.enum(['canary', 'promoted', 'rolled_back', 'superseded'])
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

export const Release = z.strictObject({
  id: z.string(),
  endpoint: z.string(),
  kind: z.enum(['immediate', 'canary', 'rollback']),
  state: ReleaseState,
  plan: ReleasePlan,
  from: z.string().nullable(),
  to: z.string(),
  /** Set when the gate was overridden, with the reason given. */
  forced: z.string().nullable(),
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
})
export type OpenRelease = z.infer<typeof OpenRelease>

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
    })
    .nullable(),
})
export type RouteState = z.infer<typeof RouteState>

export const RollbackRequest = z.strictObject({ reason: z.string().min(1).max(4096) })
export type RollbackRequest = z.infer<typeof RollbackRequest>
