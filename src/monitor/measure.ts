import type { ModelSpec } from '@gyre/sdk/wire/model'
import type { DriftResult, MonitorSpec, MonitorWindow } from '@gyre/sdk/wire/monitor'
import { quantile, sortedFinite } from '../core/quantile.ts'
import type { PredictionWindow } from '../predictions/window.ts'
import { driftOf } from './drift.ts'
import { liveQuality } from './live-quality.ts'
import type { Window } from './window.ts'

/** What a window's predictions come to, before anything is concluded from it. */
export type Measured = Omit<MonitorWindow, 'findings' | 'evaluatedAt'> & {
  /** Inputs whose drift vanishes without the quarantined rows: broken requests, not a changed world. */
  readonly brokenInputs: readonly string[]
}

export interface Subject {
  readonly spec: MonitorSpec
  readonly window: Window
  /** It has not closed. */
  readonly partial: boolean
  /** The stable version that answered most, with its reference; undefined in an empty window. */
  readonly model: { readonly ref: string; readonly spec: ModelSpec } | undefined
}

/** The stable version that answered most of a window; of equals the one that came first. */
export function mainVersion({ model, variant, answered }: PredictionWindow): string | undefined {
  const counts = new Map<string, number>()
  for (const [row, ok] of answered.entries()) {
    if (ok !== 1 || textAt(variant, row) !== 'stable') continue
    const ref = textAt(model, row)
    counts.set(ref, (counts.get(ref) ?? 0) + 1)
  }
  return [...counts].toSorted(([, a], [, b]) => b - a)[0]?.[0]
}

/**
 * Measures the stable arm as it was answered, quarantined rows too. Drift is against the training rows of the
 * version that answered most; over all rows, since part of a window has other weekdays than the whole: in one that
 * has not closed drift is measured and not judged.
 */
export function measure(rows: PredictionWindow, subject: Subject): Measured {
  const { spec, window, model, partial } = subject
  const { minRows } = spec
  const stable = rowsWhere(rows, (row) => textAt(rows.variant, row) === 'stable')
  const answered = stable.filter((row) => rows.answered[row] === 1)
  const { n, ...quality } = liveQuality(rows, stable, minRows)
  const latency = sortedFinite(pickFrom(rows.latencyMs, stable))
  const isEnough = stable.length >= minRows
  const drifts = driftsOf(rows, answered, model?.spec, minRows)
  return {
    monitor: spec.name,
    start: new Date(window.startMs).toISOString(),
    end: new Date(window.endMs).toISOString(),
    n,
    predictions: stable.length,
    quarantined: stable.filter((row) => rows.quarantined[row] === 1).length,
    errors: stable.length - answered.length,
    state: n >= minRows ? 'ok' : 'not_enough_data',
    partial,
    ...quality,
    latencyP50Ms: isEnough ? quantile(latency, 0.5) : null,
    latencyP99Ms: isEnough ? quantile(latency, 0.99) : null,
    ...(partial ? unjudged(drifts) : drifts),
    modelVersion: model?.ref ?? null,
  }
}

function driftsOf(
  rows: PredictionWindow,
  answered: readonly number[],
  model: ModelSpec | undefined,
  minRows: number,
): Pick<Measured, 'drift' | 'scoreDrift' | 'brokenInputs'> {
  if (!model) return { drift: {}, scoreDrift: null, brokenInputs: [] }
  const { inputs, score } = model.reference
  const sound = answered.filter((row) => rows.quarantined[row] !== 1)
  const drift: Record<string, DriftResult> = {}
  const brokenInputs: string[] = []
  for (const [name, reference] of Object.entries(inputs)) {
    const values = rows.inputs.get(name) ?? new Float64Array(rows.rows).fill(Number.NaN)
    const found = driftOf(reference, pickFrom(values, answered), minRows)
    drift[name] = found
    if (found.state !== 'act' || sound.length === answered.length) continue
    if (driftOf(reference, pickFrom(values, sound), minRows).state !== 'act')
      brokenInputs.push(name)
  }
  return {
    drift,
    scoreDrift: driftOf(score, pickFrom(rows.score, answered), minRows),
    brokenInputs,
  }
}

type Drifts = ReturnType<typeof driftsOf>

const PART_OF_A_WINDOW = 'the window has not closed, and part of one has other weekdays and hours'

/** Numbers as they are, without a verdict. */
function unjudged({ drift, scoreDrift }: Drifts): Drifts {
  const all = Object.entries(drift).map(([name, found]) => [name, asPartial(found)] as const)
  return {
    drift: Object.fromEntries(all),
    scoreDrift: scoreDrift && asPartial(scoreDrift),
    brokenInputs: [],
  }
}

function asPartial(found: DriftResult): DriftResult {
  return found.psi === null ? found : { ...found, state: 'partial', rule: PART_OF_A_WINDOW }
}

function rowsWhere(rows: PredictionWindow, fits: (row: number) => boolean): number[] {
  return Array.from({ length: rows.rows }, (_, row) => row).filter(fits)
}

function pickFrom(values: Float64Array, rows: readonly number[]): Float64Array {
  return Float64Array.from(rows, (row) => values[row] ?? Number.NaN)
}

function textAt({ keys, index }: PredictionWindow['model'], row: number): string {
  return keys[index[row] ?? 0] ?? ''
}
