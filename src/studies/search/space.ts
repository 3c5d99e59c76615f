import type {
  Condition,
  Dimension,
  ParamValue,
  SearchSpace,
  TrialParams,
} from '@gyre/sdk/wire/study'
import { GyreError } from '../../core/errors.ts'

export type { ParamValue, SearchSpace }
export type Params = TrialParams

/** A dimension as samplers see it: from 0 to 1, or one of so many choices. */
export type Axis = RangeAxis | ChoiceAxis

export interface RangeAxis {
  readonly kind: 'range'
  readonly name: string
  readonly when: Condition | undefined
  toUnit(value: ParamValue): number
  fromUnit(unit: number): number
  /** The stretch of [0, 1] that stands for the value; absent where values are not told apart. */
  readonly cell: ((value: ParamValue) => readonly [from: number, to: number]) | undefined
}

export interface ChoiceAxis {
  readonly kind: 'choice'
  readonly name: string
  readonly when: Condition | undefined
  readonly of: readonly ParamValue[]
}

/** Throws INVALID_ARGUMENT naming the parameter whose bounds, step, choices or condition cannot be. */
export function compileSpace(space: SearchSpace): readonly Axis[] {
  const names = Object.keys(space)
  if (names.length === 0) throw refuse(undefined, 'expected at least one parameter')
  const axes: Axis[] = []
  for (const [name, dimension] of Object.entries(space)) {
    checkCondition(name, dimension.when, axes, space)
    axes.push(axisOf(name, dimension))
  }
  return axes
}

/** True where the parameter is called for by the values of those before it. */
export function isActive({ when }: Pick<Axis, 'when'>, params: Params): boolean {
  if (!when) return true
  const value = params[when.param]
  return value !== undefined && when.is.includes(value)
}

function axisOf(name: string, dimension: Dimension): Axis {
  const { when } = dimension
  if (dimension.kind === 'choice') {
    const { of } = dimension
    if (of.length === 0) throw refuse(name, 'expected at least one choice')
    if (new Set(of).size < of.length) throw refuse(name, 'expected choices that differ')
    return { kind: 'choice', name, when, of }
  }
  const { kind, low, high, log = false } = dimension
  const step = dimension.step ?? (kind === 'int' ? 1 : undefined)
  if (!Number.isFinite(low) || !Number.isFinite(high) || low > high)
    throw refuse(name, `expected finite bounds, low before high, got ${low} and ${high}`)
  if (kind === 'int' && ![low, high, step].every(Number.isInteger))
    throw refuse(name, 'expected whole numbers for low, high and step')
  if (log && low <= 0) throw refuse(name, `expected low above 0 on a log scale, got ${low}`)
  if (step !== undefined && (step <= 0 || (log && dimension.step !== undefined && step !== 1)))
    throw refuse(name, 'expected a step above 0, and none on a log scale')
  return step === undefined
    ? smoothAxis(name, when, { low, high, log })
    : steppedAxis(name, when, {
        low,
        high: low + Math.floor((high - low) / step + 1e-9) * step,
        log,
        step,
      })
}

interface Bounds {
  readonly low: number
  readonly high: number
  readonly log: boolean
}

function smoothAxis(
  name: string,
  when: Condition | undefined,
  { low, high, log }: Bounds,
): RangeAxis {
  const scale = scaleOf(low, high, log)
  return {
    kind: 'range',
    name,
    when,
    toUnit: (value) => scale.toUnit(Number(value)),
    fromUnit: (unit) => Math.min(high, Math.max(low, scale.fromUnit(unit))),
    cell: undefined,
  }
}

/** Half a step more on both sides, so that the first and the last value are as likely as the others. */
function steppedAxis(
  name: string,
  when: Condition | undefined,
  { low, high, log, step }: Bounds & { readonly step: number },
): RangeAxis {
  const scale = scaleOf(low - step / 2, high + step / 2, log)
  return {
    kind: 'range',
    name,
    when,
    toUnit: (value) => scale.toUnit(Number(value)),
    fromUnit(unit) {
      const steps = Math.round((scale.fromUnit(unit) - low) / step)
      return Math.min(high, Math.max(low, Number((low + steps * step).toPrecision(15))))
    },
    cell: (value) => [
      scale.toUnit(Number(value) - step / 2),
      scale.toUnit(Number(value) + step / 2),
    ],
  }
}

function scaleOf(low: number, high: number, log: boolean) {
  const bend = log ? Math.log : (x: number): number => x
  const unbend = log ? Math.exp : (x: number): number => x
  const from = bend(low)
  const width = bend(high) - from
  return {
    toUnit: (value: number) => (width === 0 ? 0.5 : (bend(value) - from) / width),
    fromUnit: (unit: number) => unbend(from + unit * width),
  }
}

function checkCondition(
  name: string,
  when: Condition | undefined,
  before: readonly Axis[],
  space: SearchSpace,
): void {
  if (!when) return
  if (!before.some((axis) => axis.name === when.param))
    throw refuse(name, `when: expected a parameter that stands before it, got ${when.param}`)
  const parent = space[when.param]
  if (parent?.kind === 'choice' && !when.is.every((value) => parent.of.includes(value)))
    throw refuse(name, `when: expected choices of ${when.param}, got ${when.is.join(', ')}`)
}

function refuse(param: string | undefined, expected: string): GyreError {
  const field = param === undefined ? 'over' : `over.${param}`
  return new GyreError('INVALID_ARGUMENT', `${field}: ${expected}`, { field })
}
