import { GyreError } from '../../core/errors.ts'
import { reportFrom, type Progress, type Pruner } from './pruner.ts'

export interface AshaOptions {
  /** The step of the first rung. */
  readonly firstStep?: number
  /** Of so many at a rung one goes on; the next rung is so many times as far. */
  readonly reduction?: number
}

/**
 * Asynchronous successive halving: at each rung only the best share goes on, and nobody waits for the others. While
 * fewer than `reduction` have come to a rung, the best of them goes on.
 * Source: L. Li et al., A system for massively parallel hyperparameter tuning (2020).
 */
export function ashaPruner({ firstStep = 1, reduction = 4 }: AshaOptions = {}): Pruner {
  if (!(firstStep >= 1) || !(reduction > 1))
    throw new GyreError(
      'INVALID_ARGUMENT',
      `pruner: expected firstStep from 1 and reduction above 1, got ${firstStep} and ${reduction}`,
      { field: 'pruner' },
    )
  const comparesAt = (trial: Progress) => rungOf(trial, firstStep, reduction)
  return {
    comparesAt,
    stops(trial, others) {
      const rung = comparesAt(trial)
      if (rung === undefined) return false
      const own = reportFrom(trial, rung)?.loss ?? Number.NaN
      if (Number.isNaN(own)) return true
      const there = others.flatMap((other) => reportFrom(other, rung)?.loss ?? [])
      const better = there.filter((loss) => loss < own).length
      return better >= Math.max(1, Math.floor((there.length + 1) / reduction))
    },
  }
}

/** The rung that the newest report is the first to reach. */
function rungOf({ reports }: Progress, first: number, reduction: number): number | undefined {
  const [before, last] = [reports.at(-2)?.step ?? -1, reports.at(-1)?.step ?? -1]
  let reached: number | undefined
  for (let rung = first; rung <= last; rung *= reduction) if (rung > before) reached = rung
  return reached
}
