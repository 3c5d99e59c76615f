import { mean } from '../../core/stats.ts'
import type { Trial } from './sampler.ts'
import type { Axis } from './space.ts'

/** Nothing can be told from fewer. */
const LEAST_TRIALS = 10

/**
 * How much each parameter decides how good a trial is: the share of the variance of the trials' ranks that groups of
 * its values explain, less what groups by chance would (ε²); of a parameter that is not always called for, among the
 * trials that have it. Shares that add up to 1; all 0 where nothing can be told. What two parameters decide only
 * together is not seen. Source: T. L. Kelley, An unbiased correlation ratio measure, PNAS 21 (1935).
 */
export function importanceOf(
  axes: readonly Axis[],
  trials: readonly Trial[],
): Readonly<Record<string, number>> {
  const finished = trials.filter(({ state, loss }) => state === 'finished' && !Number.isNaN(loss))
  const told = axes.map((axis) => explained(axis, finished))
  const total = told.reduce((sum, share) => sum + share, 0)
  return Object.fromEntries(
    axes.map(({ name }, i) => [name, total > 0 ? (told[i] ?? 0) / total : 0]),
  )
}

/** Between 0 and 1, times the share of the trials that have the parameter. */
function explained(axis: Axis, trials: readonly Trial[]): number {
  const having = trials.filter(({ params }) => axis.name in params)
  if (having.length < LEAST_TRIALS) return 0
  const ranks = ranksOf(having.map(({ loss }) => loss))
  const groups = groupsOf(axis, having)
  const middle = (having.length - 1) / 2
  let [between, all] = [0, 0]
  for (const group of groups) {
    const own = group.map((i) => ranks[i] ?? middle)
    between += own.length * (mean(own) - middle) ** 2
    for (const rank of own) all += (rank - middle) ** 2
  }
  const freedom = having.length - groups.length
  if (all === 0 || freedom <= 0) return 0
  const byChance = ((groups.length - 1) * (all - between)) / freedom
  return (Math.max(0, between - byChance) / all) * (having.length / trials.length)
}

/** Places in the order of the losses; equal losses have the middle of theirs. */
function ranksOf(losses: readonly number[]): readonly number[] {
  const sorted = losses.toSorted((a, b) => a - b)
  const middles = new Map<number, number>()
  for (let from = 0; from < sorted.length;) {
    const loss = sorted[from] ?? 0
    let to = from
    while (sorted[to + 1] === loss) to += 1
    middles.set(loss, (from + to) / 2)
    from = to + 1
  }
  return losses.map((loss) => middles.get(loss) ?? 0)
}

/** Indexes of the trials: a group a choice, or groups of neighbours, about as many as have members. */
function groupsOf(axis: Axis, trials: readonly Trial[]): readonly (readonly number[])[] {
  const values = trials.map(({ params }) => params[axis.name] ?? 0)
  if (axis.kind === 'choice') {
    const byChoice = axis.of.map((choice) => [...values.keys()].filter((i) => values[i] === choice))
    return byChoice.filter((group) => group.length > 0)
  }
  const units = values.map((value) => axis.toUnit(value))
  const order = [...units.keys()].toSorted((a, b) => (units[a] ?? 0) - (units[b] ?? 0))
  const size = Math.ceil(Math.sqrt(trials.length))
  const groups: number[][] = []
  for (const i of order) {
    const last = groups.at(-1)
    const newest = last?.at(-1)
    // Equal values stay together, however many they are.
    const isFull = last && last.length >= size && units[newest ?? i] !== units[i]
    if (!last || isFull) groups.push([i])
    else last.push(i)
  }
  return groups
}
