import type { Random } from '../../core/random.ts'
import { parzenOf } from './parzen.ts'
import { drawAll } from './random.ts'
import type { Sampler, Trial } from './sampler.ts'
import { isActive, type Axis, type Params } from './space.ts'

export interface TpeOptions {
  /** Trials drawn at random before there is anything to learn from. */
  readonly startup?: number
  /** Points drawn from the density of good trials, of which the most promising is asked. */
  readonly candidates?: number
}

/** Trials weigh the same up to so many; the oldest of more weigh less. */
const FULL_WEIGHT = 25

/** Of a hundred trials ten are good ones; never more than so many. */
const [GOOD_SHARE, MAX_GOOD] = [0.1, 25]

/**
 * Tree-structured Parzen estimator: draws where good trials are dense and the others are not. Axes that are called
 * for together are drawn together. A running trial counts as a bad one, so that parallel ones keep apart.
 * Sources: J. Bergstra et al., Algorithms for hyper-parameter optimization (2011); S. Watanabe,
 * Tree-structured Parzen estimator: understanding its algorithm components (2023).
 */
export function tpeSampler(
  axes: readonly Axis[],
  { startup = 10, candidates = 64 }: TpeOptions = {},
): Sampler {
  const groups = groupsOf(axes)
  return (trials, random) => {
    const told = trials.filter(({ state }) => state !== 'failed')
    const ended = told.filter(({ state }) => state !== 'running')
    if (ended.length < startup) return drawAll(axes, random)
    const { good, bad } = split(told, ended.length)
    let params: Params = {}
    for (const group of groups) {
      if (!group.every((axis) => isActive(axis, params))) continue
      params = { ...params, ...best(group, good, bad, candidates, random) }
    }
    return params
  }
}

/** The candidate at which the density of good trials is highest against that of the others. */
function best(
  group: readonly Axis[],
  good: readonly Trial[],
  bad: readonly Trial[],
  candidates: number,
  random: Random,
): Params {
  const has = ({ params }: Trial) => group.every(({ name }) => name in params)
  const densityOf = (trials: readonly Trial[]) => {
    const told = trials.filter(has).toSorted((a, b) => a.number - b.number)
    return parzenOf(
      group,
      told.map(({ params }) => params),
      weightsOf(told.length),
    )
  }
  const [dense, sparse] = [densityOf(good), densityOf(bad)]
  let chosen: Params = {}
  let most = Number.NEGATIVE_INFINITY
  for (let i = 0; i < candidates; i++) {
    const point = dense.draw(random)
    const gain = dense.logOf(point) - sparse.logOf(point)
    if (gain > most || i === 0) [chosen, most] = [point, gain]
  }
  return chosen
}

/** The best trials, and all others: those that run, and those pruned, the sooner the worse. */
function split(trials: readonly Trial[], ended: number) {
  const sorted = trials.toSorted(byPromise)
  const count = Math.min(Math.ceil(GOOD_SHARE * ended), MAX_GOOD)
  return { good: sorted.slice(0, count), bad: sorted.slice(count) }
}

function byPromise(a: Trial, b: Trial): number {
  return (
    rankOf(a) - rankOf(b) ||
    (a.state === 'pruned' ? (b.step ?? 0) - (a.step ?? 0) : 0) ||
    lossOf(a) - lossOf(b) ||
    a.number - b.number
  )
}

function rankOf({ state }: Trial): number {
  return state === 'finished' ? 0 : state === 'pruned' ? 1 : 2
}

/** NaN is worse than any loss. */
function lossOf({ loss }: Trial): number {
  return Number.isNaN(loss) ? Number.MAX_VALUE : Math.min(loss, Number.MAX_VALUE)
}

function weightsOf(count: number): readonly number[] {
  const fading = Math.max(0, count - FULL_WEIGHT)
  return Array.from({ length: count }, (_, i) =>
    i >= fading ? 1 : fading === 1 ? 1 / count : 1 / count + (i / (fading - 1)) * (1 - 1 / count),
  )
}

/** Axes under the same condition, in order; those of a condition come after the axis it names. */
function groupsOf(axes: readonly Axis[]): readonly (readonly Axis[])[] {
  const groups = new Map<string, Axis[]>()
  for (const axis of axes) {
    const key = JSON.stringify(axis.when ?? null)
    groups.set(key, [...(groups.get(key) ?? []), axis])
  }
  return [...groups.values()]
}
