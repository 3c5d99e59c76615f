import { quantile, sortedFinite } from '../../core/quantile.ts'
import type { Progress, Pruner } from './pruner.ts'

export interface MedianOptions {
  /** Trials that end before any is pruned. */
  readonly startup?: number
  /** Steps that every trial may take. */
  readonly warmup?: number
}

/**
 * Ends a trial whose best so far is worse than the median of what the finished trials had told at this step.
 * Source: D. Golovin et al., Google Vizier (2017), the median stopping rule.
 */
export function medianPruner({ startup = 5, warmup = 0 }: MedianOptions = {}): Pruner {
  function comparesAt({ reports }: Progress): number | undefined {
    const last = reports.at(-1)
    return last && last.step >= warmup ? last.step : undefined
  }
  return {
    comparesAt,
    stops(trial, others) {
      const step = comparesAt(trial)
      if (step === undefined) return false
      const finished = others.filter(({ state }) => state === 'finished')
      if (finished.length < startup) return false
      const losses = sortedFinite(finished.map((other) => lossAt(other, step)))
      if (losses.length === 0) return false
      const best = bestOf(trial)
      return Number.isNaN(best) || best > quantile(losses, 0.5)
    },
  }
}

function lossAt({ reports }: Progress, step: number): number {
  return reports.find((report) => report.step === step)?.loss ?? Number.NaN
}

/** NaN where every report is. */
function bestOf({ reports }: Progress): number {
  return reports.reduce(
    (best, { loss }) => (Number.isNaN(best) || loss < best ? loss : best),
    Number.NaN,
  )
}
