import type { Metrics } from '@gyre/sdk/wire/gate'

/** How a metric is read when two models are compared. */
export interface MetricSense {
  readonly better: 'higher' | 'lower'
  /** Signed, and best at 0: its size is judged, not its sign. */
  readonly magnitude?: boolean
}

const SENSES: Readonly<Record<string, MetricSense>> = {
  auc: { better: 'higher' },
  accuracy: { better: 'higher' },
  precision: { better: 'higher' },
  recall: { better: 'higher' },
  f1: { better: 'higher' },
  r2: { better: 'higher' },
  logLoss: { better: 'lower' },
  brier: { better: 'lower' },
  calibration: { better: 'lower', magnitude: true },
  calibrationError: { better: 'lower' },
  disparity: { better: 'lower' },
  equalizedOdds: { better: 'lower' },
  mae: { better: 'lower' },
  mse: { better: 'lower' },
  rmse: { better: 'lower' },
  errorRate: { better: 'lower' },
  latencyP50Ms: { better: 'lower' },
  latencyP95Ms: { better: 'lower' },
  latencyP99Ms: { better: 'lower' },
  sizeBytes: { better: 'lower' },
}

/** Undefined for a metric of the user's own: the rule must say which way is better. */
export function findSense(metric: string): MetricSense | undefined {
  return Object.hasOwn(SENSES, metric) ? SENSES[metric] : undefined
}

/** The number that is judged: the metric, or its size where the sign does not matter. */
export function sized(value: number, sense: MetricSense | undefined): number {
  return sense?.magnitude ? Math.abs(value) : value
}

/** Metrics as a run logs them: NaN for what could not be computed. */
export function pointsOf(metrics: Metrics): { readonly key: string; readonly value: number }[] {
  return Object.entries(metrics).map(([key, value]) => ({ key, value: value ?? Number.NaN }))
}
