import { z } from 'zod'
import { DigestText } from './ref.ts'

/** Bounds of one metric. `atLeast` and `atMost` include the bound, `above` and `below` do not. */
export const GateBounds = z.strictObject({
  atLeast: z.exactOptional(z.number()),
  atMost: z.exactOptional(z.number()),
  above: z.exactOptional(z.number()),
  below: z.exactOptional(z.number()),
  betterThan: z.exactOptional(z.enum(['baseline', 'champion'])),
  notWorseThan: z.exactOptional(z.enum(['baseline', 'champion'])),
  /** Slack of the comparison, in the metric's unit. */
  margin: z.exactOptional(z.number().min(0)),
  /** Compares by the unfavourable end of the difference's confidence interval, not by its middle. */
  confident: z.exactOptional(z.boolean()),
  /** Which way a metric Gyre does not know improves. */
  better: z.exactOptional(z.enum(['higher', 'lower'])),
})
export type GateBounds = z.infer<typeof GateBounds>

/** Bounds of the whole, and those that every slice must meet: the worst one decides. */
export const GateRule = GateBounds.extend({ worstSlice: z.exactOptional(GateBounds) })
export type GateRule = z.infer<typeof GateRule>

export const GateRules = z.record(z.string(), GateRule)
export type GateRules = z.infer<typeof GateRules>

export const GateCheck = z.strictObject({
  metric: z.string(),
  /** The slice that decided, where slices were judged. */
  slice: z.exactOptional(z.string()),
  rule: z.string(),
  value: z.number().nullable(),
  bound: z.number().nullable(),
  passed: z.boolean(),
  reason: z.string(),
})
export type GateCheck = z.infer<typeof GateCheck>

export const Metrics = z.record(z.string(), z.number().nullable())
export type Metrics = z.infer<typeof Metrics>

/** What a gate said of exactly one candidate under exactly one set of rules. */
export const Verdict = z.strictObject({
  gate: z.string(),
  gateDigest: z.string(),
  passed: z.boolean(),
  checks: z.array(GateCheck),
  metrics: z.strictObject({
    candidate: Metrics,
    champion: Metrics.nullable(),
    baseline: Metrics.nullable(),
  }),
  rows: z.number().int(),
  champion: z.string().nullable(),
})
export type Verdict = z.infer<typeof Verdict>

/** A metric of the candidate less the champion's on the same rows, with its 95 % confidence interval. */
export const MetricDifference = z.strictObject({
  value: z.number(),
  lower: z.number(),
  upper: z.number(),
})

/** What was measured for a gate, before it is judged. */
export const GateEvaluation = z.strictObject({
  rows: z.number().int(),
  candidate: Metrics,
  champion: Metrics.nullable(),
  /** The version that stood as champion. */
  championRef: z.string().nullable(),
  baseline: Metrics.nullable(),
  /** Candidate less champion, paired by row. */
  differences: z.record(z.string(), MetricDifference),
})
export type GateEvaluation = z.infer<typeof GateEvaluation>

/** The model in production on a gate's endpoint. */
export const Champion = z.strictObject({ ref: z.string(), digest: DigestText })
export type Champion = z.infer<typeof Champion>
