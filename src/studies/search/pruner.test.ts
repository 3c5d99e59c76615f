import { expect, test } from 'vitest'
import { ashaPruner } from './asha.ts'
import { medianPruner } from './median.ts'
import type { Progress, Pruner } from './pruner.ts'

/** Losses of fourteen trials at steps 1 to 9. */
const CURVES = [
  [0.621, 0.283, 0.365, 0.368, 0.301, 0.312, 0.296, 0.243, 0.289],
  [0.899, 0.635, 0.55, 0.674, 0.601, 0.616, 0.62, 0.598, 0.606],
  [0.607, 0.61, 0.459, 0.51, 0.475, 0.38, 0.382, 0.386, 0.435],
  [0.866, 0.792, 0.664, 0.68, 0.65, 0.639, 0.654, 0.648, 0.664],
  [1.035, 0.904, 0.797, 0.774, 0.706, 0.642, 0.699, 0.698, 0.686],
  [0.407, 0.28, 0.108, 0.19, 0.134, 0.094, 0.071, 0.13, 0.132],
  [0.066, 0.253, 0.095, 0.036, 0.048, 0.09, 0.088, 0.016, 0.054],
  [0.864, 1.053, 0.904, 0.97, 0.955, 0.888, 0.923, 0.861, 0.843],
  [0.619, 0.269, 0.299, 0.321, 0.333, 0.275, 0.263, 0.324, 0.28],
  [0.81, 0.503, 0.31, 0.303, 0.297, 0.299, 0.285, 0.276, 0.276],
  [1.56, 1.148, 1.082, 1.104, 1.024, 1.026, 1.079, 1.035, 1.032],
  [0.477, 0.595, 0.586, 0.473, 0.544, 0.533, 0.475, 0.517, 0.501],
  [1.244, 0.942, 0.978, 0.947, 0.839, 0.843, 0.894, 0.909, 0.853],
  [0.75, 0.654, 0.54, 0.531, 0.514, 0.513, 0.527, 0.499, 0.501],
] as const

/** By trial, the step after which it is pruned when one runs after the other. */
function cutsOf(pruner: Pruner): readonly (number | null)[] {
  const ended: Progress[] = []
  return CURVES.map((curve, number) => {
    const reports = curve.map((loss, i) => ({ step: i + 1, loss }))
    const cut = reports.find(({ step }) =>
      pruner.stops({ number, state: 'running', reports: reports.slice(0, step) }, ended),
    )
    const told = cut ? reports.slice(0, cut.step) : reports
    ended.push({ number, state: cut ? 'pruned' : 'finished', reports: told })
    return cut?.step ?? null
  })
}

test('halving ends the same trials at the same steps as Optuna 5.0', () => {
  // SuccessiveHalvingPruner(min_resource=1, reduction_factor=2) and (2, 3) on these curves.
  expect(cutsOf(ashaPruner({ firstStep: 1, reduction: 2 }))).toEqual([
    null,
    1,
    2,
    1,
    1,
    null,
    null,
    1,
    4,
    1,
    1,
    2,
    1,
    2,
  ])
  expect(cutsOf(ashaPruner({ firstStep: 2, reduction: 3 }))).toEqual([
    null,
    2,
    2,
    2,
    2,
    null,
    null,
    2,
    6,
    2,
    2,
    2,
    2,
    2,
  ])
})

test('the median rule ends the same trials at the same steps as Optuna 5.0', () => {
  // MedianPruner(n_startup_trials=3, n_warmup_steps=2) and (1, 0).
  expect(cutsOf(medianPruner({ startup: 3, warmup: 2 }))).toEqual([
    null,
    null,
    null,
    2,
    2,
    null,
    null,
    2,
    8,
    2,
    2,
    2,
    2,
    2,
  ])
  expect(cutsOf(medianPruner({ startup: 1, warmup: 0 }))).toEqual([
    null,
    1,
    2,
    1,
    1,
    null,
    null,
    1,
    1,
    1,
    1,
    1,
    1,
    1,
  ])
})

const told = (number: number, ...losses: number[]): Progress => ({
  number,
  state: 'running',
  reports: losses.map((loss, i) => ({ step: i + 1, loss })),
})

test('of four at a rung one goes on, and those that still run are compared with too', () => {
  const { stops, comparesAt } = ashaPruner({ firstStep: 1, reduction: 4 })
  const others = [told(0, 0.1), told(1, 0.2), told(2, 0.3)]
  expect(stops(told(3, 0.05), others)).toBe(false)
  expect(stops(told(3, 0.15), others)).toBe(true)
  // Of eight two go on.
  const more = [...others, told(3, 0.4), told(4, 0.5), told(5, 0.6), told(6, 0.7)]
  expect(stops(told(7, 0.15), more)).toBe(false)
  expect(stops(told(7, 0.25), more)).toBe(true)
  // Between rungs nobody is judged; the second is at four steps.
  expect(comparesAt(told(7, 0.9, 0.9))).toBeUndefined()
  expect(comparesAt(told(7, 0.9, 0.9, 0.9, 0.9))).toBe(4)
})

test('a trial that tells NaN is ended, and is no rival to others', () => {
  const { stops } = ashaPruner({ firstStep: 1, reduction: 2 })
  expect(stops(told(1, Number.NaN), [])).toBe(true)
  expect(stops(told(1, 0.9), [told(0, Number.NaN)])).toBe(false)
  const median = medianPruner({ startup: 1 })
  const finished: Progress = { ...told(0, 0.5), state: 'finished' }
  expect(median.stops(told(1, Number.NaN), [finished])).toBe(true)
  expect(median.stops(told(1, 0.9), [{ ...told(0, Number.NaN), state: 'finished' }])).toBe(false)
})

test('rungs that cannot be are refused', () => {
  const refused = { code: 'INVALID_ARGUMENT', details: { field: 'pruner' } }
  expect(() => ashaPruner({ firstStep: 0 })).toThrow(expect.objectContaining(refused))
  expect(() => ashaPruner({ reduction: 1 })).toThrow(expect.objectContaining(refused))
})
