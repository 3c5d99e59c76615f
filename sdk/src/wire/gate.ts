import { z } from 'zod'
import { DigestText, Instant } from './ref.ts'

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

/**
 * Rows a slice needs to be judged, unless its rule says otherwise: with 500 the standard error of an accuracy of
 * 0.9 is 0.013, and an undrifted slice seldom looks the worst by much.
 */
export const SLICE_ROWS = 500

const cut = {
  /** A column of the rows, or an input of the candidate: the rows with one value of it are a slice. */
  by: z.string().min(1),
  /** Rows that a slice needs to be judged; 500 unless told. */
  minRows: z.exactOptional(z.int().min(2)),
}

/** A way to cut rows into slices, declared once for all the rules that ask for the worst. */
export const SliceCut = z.strictObject(cut)
export type SliceCut = z.infer<typeof SliceCut>

/** Bounds that every slice of enough rows must meet: the worst one decides. */
export const SliceRule = GateBounds.extend(cut)
export type SliceRule = z.infer<typeof SliceRule>

/** Bounds of the whole, and those of its slices. */
export const GateRule = GateBounds.extend({
  /** One rule for each way to cut; a single one is how it was written before there could be several. */
  worstSlice: z.exactOptional(z.union([SliceRule, z.array(SliceRule).min(1)])),
  /** The column whose values are the groups that `disparity` and `equalizedOdds` compare. */
  by: z.exactOptional(z.string().min(1)),
  /** Rows a group needs to be compared; as many as a slice unless told. */
  minRows: z.exactOptional(z.int().min(2)),
  /** How much better the metric may be on the rows that the candidate learned from: more is overfitting. */
  gapAtMost: z.exactOptional(z.number().min(0)),
})
export type GateRule = z.infer<typeof GateRule>

/** What a rule says of slices, a rule for each way to cut. */
export function sliceRulesOf({ worstSlice = [] }: GateRule): readonly SliceRule[] {
  return Array.isArray(worstSlice) ? worstSlice : [worstSlice]
}

export const GateRules = z.record(z.string(), GateRule)
export type GateRules = z.infer<typeof GateRules>

/** The 95 % confidence interval of a metric. */
export const Interval = z.strictObject({ lower: z.number(), upper: z.number() })
export type Interval = z.infer<typeof Interval>

export const GateCheck = z.strictObject({
  metric: z.string(),
  /** The slice that decided, where slices were judged: `origin = ATL`. */
  slice: z.exactOptional(z.string()),
  /** How many slices were judged, and how many had too few rows for it. */
  slices: z.exactOptional(z.strictObject({ judged: z.int(), tooSmall: z.int() })),
  rule: z.string(),
  value: z.number().nullable(),
  /** Of the value, where it has one: of a slice by itself, not of the worst among many. */
  interval: z.exactOptional(Interval),
  bound: z.number().nullable(),
  passed: z.boolean(),
  reason: z.string(),
})
export type GateCheck = z.infer<typeof GateCheck>

export const Metrics = z.record(z.string(), z.number().nullable())
export type Metrics = z.infer<typeof Metrics>

/** How far the groups furthest apart are from each other. */
export const GroupGap = z.strictObject({
  value: z.number(),
  /** The group with the highest share, and that with the lowest. */
  high: z.string(),
  low: z.string(),
})
export type GroupGap = z.infer<typeof GroupGap>

/** What a metric of groups was measured on, and where it is widest; no gap below two groups. */
export const GroupedMetric = z.strictObject({
  by: z.string(),
  minRows: z.int(),
  judged: z.int(),
  /** Groups with fewer rows than that. */
  tooSmall: z.int(),
  gap: GroupGap.nullable(),
})
export type GroupedMetric = z.infer<typeof GroupedMetric>

/** A gate by its name and the digest of its rules. */
export const GateRef = z.strictObject({ gate: z.string(), digest: z.string() })
export type GateRef = z.infer<typeof GateRef>

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
  /** Of the candidate's metrics, where there is one. */
  intervals: z.exactOptional(z.record(z.string(), Interval)),
  /** What it was measured on: `worth-shipping@3`, the third different set of rows of this gate. */
  evaluationSet: z.exactOptional(z.string()),
})
export type Verdict = z.infer<typeof Verdict>

/** A metric of the candidate less the champion's on the same rows, with its 95 % confidence interval. */
export const MetricDifference = z.strictObject({
  value: z.number(),
  lower: z.number(),
  upper: z.number(),
})

const measured = {
  rows: z.number().int(),
  candidate: Metrics,
  champion: Metrics.nullable(),
  baseline: Metrics.nullable(),
  /** Of the candidate's metrics. */
  intervals: z.record(z.string(), Interval),
  /** Candidate less champion, paired by row. */
  differences: z.record(z.string(), MetricDifference),
}

/** All models on the rows that share a value, value by value. */
export const SlicedEvaluation = z.strictObject({
  by: z.string(),
  minRows: z.int(),
  judged: z.array(z.strictObject({ slice: z.string(), ...measured })),
  /** Slices with fewer rows than that. */
  tooSmall: z.int(),
})
export type SlicedEvaluation = z.infer<typeof SlicedEvaluation>

/** What was measured for a gate, before it is judged. */
export const GateEvaluation = z.strictObject({
  ...measured,
  /** The version that stood as champion. */
  championRef: z.string().nullable(),
  slices: z.array(SlicedEvaluation),
  /** The metrics that compare groups of rows, by name. */
  groups: z.record(z.string(), GroupedMetric),
  /** The candidate on the rows it learned from; null where no rule asks. */
  learned: Metrics.nullable(),
})
export type GateEvaluation = z.infer<typeof GateEvaluation>

/** The model in production on a gate's endpoint. */
export const Champion = z.strictObject({ ref: z.string(), digest: DigestText })
export type Champion = z.infer<typeof Champion>

/** Rows that a gate has judged on: equal rows are one version, and a version never changes. */
export const EvaluationSet = z.strictObject({
  /** The gate. */
  name: z.string(),
  version: z.int(),
  /** Of the rows as a Parquet file. */
  digest: DigestText,
  rows: z.int(),
  from: Instant,
  until: Instant,
  /** The run that judged on them first. */
  runId: z.string(),
  at: z.string(),
})
export type EvaluationSet = z.infer<typeof EvaluationSet>
