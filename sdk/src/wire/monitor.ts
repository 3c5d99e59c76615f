import { z } from 'zod'
import { Duration, Instant, Name } from './ref.ts'

export const MonitorSpec = z.strictObject({
  name: Name,
  endpoint: Name,
  /** Width of a window, in event time. */
  every: Duration,
  /** Start of the first window. */
  from: Instant,
  /** How long labels are waited for after a window's end. */
  lag: Duration,
  /** Fewer rows than this on either side: "not enough data". */
  minRows: z.number().int().positive().default(500),
  /** Worse log loss than at the gate by more than this raises `quality.degraded`; absent = not judged. */
  worseBy: z.exactOptional(z.number().positive()),
  /** |mean score − late rate| beyond this raises `quality.degraded`; absent = not judged. */
  calibrationWithin: z.exactOptional(z.number().positive()),
  /** Share of quarantined requests above which an alert is raised. */
  quarantineShare: z.number().min(0).max(1).default(0.05),
})
export type MonitorSpec = z.infer<typeof MonitorSpec>

/** `partial`: measured on a window that has not closed, and not judged. */
export const DriftState = z.enum(['not_enough_data', 'stable', 'watch', 'act', 'partial'])
export type DriftState = z.infer<typeof DriftState>

export const DriftResult = z.strictObject({
  psi: z.number().nullable(),
  state: DriftState,
  rule: z.string(),
  bins: z.number().int(),
  referenceRows: z.number().int(),
  currentRows: z.number().int(),
  missingShare: z.number().nullable(),
  outOfRangeShare: z.number().nullable(),
})
export type DriftResult = z.infer<typeof DriftResult>

/** One window of an endpoint, over the predictions of its stable arm. */
export const MonitorWindow = z.strictObject({
  monitor: z.string(),
  start: z.string(),
  end: z.string(),
  /** Labelled predictions of the stable arm, quarantined ones among them. */
  n: z.number().int(),
  predictions: z.number().int(),
  quarantined: z.number().int(),
  errors: z.number().int(),
  state: z.enum(['ok', 'not_enough_data']),
  /** Looked at before it had closed: it holds part of its rows, or of their labels. */
  partial: z.boolean().default(false),
  lateRate: z.number().nullable(),
  logLoss: z.number().nullable(),
  auc: z.number().nullable(),
  calibration: z.number().nullable(),
  latencyP50Ms: z.number().nullable(),
  latencyP99Ms: z.number().nullable(),
  drift: z.record(z.string(), DriftResult),
  scoreDrift: DriftResult.nullable(),
  /** The stable version that answered most of the window. */
  modelVersion: z.string().nullable(),
  findings: z.array(
    z.strictObject({
      kind: z.string(),
      subject: z.string(),
      message: z.string(),
      value: z.number().nullable(),
    }),
  ),
  evaluatedAt: z.string(),
})
export type MonitorWindow = z.infer<typeof MonitorWindow>

export const Alert = z.strictObject({
  id: z.string(),
  monitor: z.string(),
  key: z.string(),
  state: z.enum(['firing', 'resolved']),
  message: z.string(),
  openedAt: z.string(),
  /** Event time of the window that raised it. */
  at: z.string(),
  resolvedAt: z.string().nullable(),
})
export type Alert = z.infer<typeof Alert>
