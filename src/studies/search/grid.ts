import { canonicalJson } from '../../core/digest.ts'
import { GyreError } from '../../core/errors.ts'
import type { Sampler } from './sampler.ts'
import { isActive, type Axis, type Params, type ParamValue, type RangeAxis } from './space.ts'

/** More points than a search would ever ask; a mistake in `points`. */
const MAX_POINTS = 10_000

export interface GridOptions {
  /** Values of a range without steps, evenly spread on its own scale; 10 unless told. */
  readonly points?: number
}

/** The first combination, in order, that no trial has; no parameters after the last. */
export function gridSampler(axes: readonly Axis[], options: GridOptions = {}): Sampler {
  const points = gridOf(axes, options)
  return (trials) => {
    const tried = new Set(trials.map(({ params }) => canonicalJson(params)))
    return points.find((point) => !tried.has(canonicalJson(point))) ?? {}
  }
}

/** Throws INVALID_ARGUMENT for more combinations than anybody could try. */
export function gridOf(
  axes: readonly Axis[],
  { points = 10 }: GridOptions = {},
): readonly Params[] {
  let combinations: readonly Params[] = [{}]
  for (const axis of axes) {
    combinations = combinations.flatMap((params) =>
      isActive(axis, params)
        ? valuesOf(axis, points).map((value) => ({ ...params, [axis.name]: value }))
        : [params],
    )
    if (combinations.length > MAX_POINTS)
      throw new GyreError(
        'INVALID_ARGUMENT',
        `over: a grid of more than ${MAX_POINTS} combinations; give fewer points or choices`,
        { field: 'over' },
      )
  }
  return combinations
}

function valuesOf(axis: Axis, points: number): readonly ParamValue[] {
  return axis.kind === 'choice' ? axis.of : spread(axis, points)
}

function spread(axis: RangeAxis, points: number): readonly number[] {
  const units = Array.from({ length: points }, (_, i) => (points === 1 ? 0.5 : i / (points - 1)))
  return [...new Set(units.map((unit) => axis.fromUnit(unit)))]
}
