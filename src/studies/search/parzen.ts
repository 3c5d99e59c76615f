import { normalCdf, normalQuantile } from '../../core/normal.ts'
import type { Random } from '../../core/random.ts'
import type { Axis, ChoiceAxis, Params, ParamValue, RangeAxis } from './space.ts'

/** A density over some axes: a mixture of one kernel a trial, and one as wide as the space. */
export interface Density {
  /** Draws values of all the axes. */
  draw(random: Random): Params
  /** Of a point that has a value on all the axes. */
  logOf(point: Params): number
}

/** A kernel's parts on one axis; a kernel is their product. */
interface Part {
  /** What the logarithm of each kernel's density has wherever it is asked; absent where it is 0. */
  readonly logTops?: Float64Array
  draw(kernel: number, random: Random): ParamValue
  /** Adds to `sums`, a kernel each, the logarithm of its density at `value`. */
  addLog(value: ParamValue, sums: Float64Array): void
}

/**
 * The density of trials that have a value on all the axes, weighed by `weights`, one each. `prior` weighs the
 * kernel that no trial has made.
 */
export function parzenOf(
  axes: readonly Axis[],
  trials: readonly Params[],
  weights: readonly number[],
  prior = 1,
): Density {
  const parts = axes.map((axis) => partOf(axis, trials, prior))
  const total = weights.reduce((sum, weight) => sum + weight, prior)
  const shares = Float64Array.from([...weights, prior], (weight) => weight / total)
  const logTops = shares.map((share, kernel) =>
    parts.reduce((log, part) => log + (part.logTops?.[kernel] ?? 0), Math.log(share)),
  )
  const logs = new Float64Array(logTops.length)
  return {
    draw(random) {
      const kernel = pick(shares, random())
      return Object.fromEntries(
        axes.map(({ name }, i) => [name, parts[i]?.draw(kernel, random) ?? Number.NaN]),
      )
    },
    logOf(point) {
      logs.set(logTops)
      for (const [i, { name }] of axes.entries()) {
        const value = point[name]
        if (value !== undefined) parts[i]?.addLog(value, logs)
      }
      return logOfSum(logs)
    },
  }
}

/** What is smaller by a factor of e⁻⁴⁰ does not change a sum of doubles. */
const NEGLIGIBLE = 40

/** The logarithm of the sum of what `logs` are the logarithms of. */
function logOfSum(logs: Float64Array): number {
  let top = Number.NEGATIVE_INFINITY
  for (const log of logs) if (log > top) top = log
  let sum = 0
  for (const log of logs) if (log > top - NEGLIGIBLE) sum += Math.exp(log - top)
  return top + Math.log(sum)
}

/** A hundredth of a range is narrow enough, and few trials make no kernel so narrow. */
const MOST_NARROW = 100

/**
 * The width of each kernel: the longer way to a neighbour, so that what lies between two trials stays covered. The
 * outermost look to one side only.
 */
function widthsOf(centres: Float64Array): Float64Array {
  const least = 1 / Math.min(MOST_NARROW, centres.length + 2)
  const order = new Uint32Array(centres.keys()).toSorted(
    (a, b) => (centres[a] ?? 0) - (centres[b] ?? 0),
  )
  const widths = new Float64Array(centres.length)
  for (const [place, i] of order.entries()) {
    const at = centres[i] ?? 0
    const before = place === 0 ? undefined : centres[order[place - 1] ?? 0]
    const after = place === order.length - 1 ? undefined : centres[order[place + 1] ?? 0]
    const alone = before === undefined && after === undefined
    const gap = alone ? Math.max(at, 1 - at) : Math.max(at - (before ?? at), (after ?? at) - at)
    widths[i] = Math.min(1, Math.max(least, gap))
  }
  return widths
}

function partOf(axis: Axis, trials: readonly Params[], prior: number): Part {
  const values = trials.map((params) => params[axis.name])
  return axis.kind === 'range' ? rangePart(axis, values) : choicePart(axis, values, prior)
}

/** Normal kernels, cut off at the bounds. The last is as wide as the range. */
function rangePart(axis: RangeAxis, values: readonly (ParamValue | undefined)[]): Part {
  const told = Float64Array.from(values, (value) => axis.toUnit(value ?? 0))
  const centres = Float64Array.of(...told, 0.5)
  const widths = Float64Array.of(...widthsOf(told), 1)
  const below = centres.map((centre, i) => normalCdf(-centre / (widths[i] ?? 1)))
  const within = centres.map(
    (centre, i) => normalCdf((1 - centre) / (widths[i] ?? 1)) - (below[i] ?? 0),
  )
  const logTops = within.map(
    (share, i) => -Math.log(share * (widths[i] ?? 1) * Math.sqrt(2 * Math.PI)),
  )
  /** A normal density is e to minus the square of `scale · x − shift`. */
  const scales = widths.map((width) => Math.SQRT1_2 / width)
  const shifts = centres.map((centre, i) => centre * (scales[i] ?? 0))
  const known = new Map<ParamValue, Float64Array>()

  /** Logarithms of the share of each kernel that falls into the cell of a value. */
  function cellLogs(value: ParamValue, [from, to]: readonly [number, number]): Float64Array {
    const before = known.get(value)
    if (before) return before
    const logs = centres.map((centre, i) => {
      const spread = widths[i] ?? 1
      const share = normalCdf((to - centre) / spread) - normalCdf((from - centre) / spread)
      return Math.log(Math.max(share, Number.MIN_VALUE) / (within[i] ?? 1))
    })
    known.set(value, logs)
    return logs
  }

  return {
    draw(kernel, random) {
      const centre = centres[kernel] ?? 0.5
      const spread = widths[kernel] ?? 1
      const at = normalQuantile((below[kernel] ?? 0) + random() * (within[kernel] ?? 1))
      return axis.fromUnit(Math.min(1, Math.max(0, centre + spread * at)))
    },
    addLog(value, sums) {
      const cell = axis.cell?.(value)
      if (cell) {
        const logs = cellLogs(value, cell)
        for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] ?? 0) + (logs[i] ?? 0)
        return
      }
      const unit = axis.toUnit(value)
      for (let i = 0; i < sums.length; i++) {
        const far = unit * (scales[i] ?? 0) - (shifts[i] ?? 0)
        sums[i] = (sums[i] ?? 0) - far * far
      }
    },
    ...(axis.cell ? {} : { logTops }),
  }
}

/** Kernels that favour their trial's choice and leave each of the others a share of the prior. */
function choicePart(
  { of }: ChoiceAxis,
  values: readonly (ParamValue | undefined)[],
  prior: number,
): Part {
  const kernels = values.length + 1
  const floor = prior / kernels
  const chosen = values.map((value) => of.findIndex((choice) => choice === value))
  const logFavoured = Math.log((1 + floor) / (1 + floor * of.length))
  const logOther = Math.log(floor / (1 + floor * of.length))
  const logEven = -Math.log(of.length)
  return {
    draw(kernel, random) {
      const own = chosen[kernel]
      const shares = of.map((_, i) => (own === undefined ? 1 : floor + (i === own ? 1 : 0)))
      const total = shares.reduce((sum, share) => sum + share, 0)
      const i = pick(
        Float64Array.from(shares, (share) => share / total),
        random(),
      )
      return of[i] ?? ''
    },
    addLog(value, sums) {
      for (let i = 0; i < sums.length; i++) {
        const own = chosen[i]
        const log = own === undefined ? logEven : of[own] === value ? logFavoured : logOther
        sums[i] = (sums[i] ?? 0) + log
      }
    },
  }
}

/** The first index at which the shares add up to more than `at`. */
function pick(shares: Float64Array, at: number): number {
  let sum = 0
  for (let i = 0; i < shares.length; i++) {
    sum += shares[i] ?? 0
    if (at < sum) return i
  }
  return shares.length - 1
}
