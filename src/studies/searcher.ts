import type { StudySpec, TrialParams } from '@gyre/sdk/wire/study'
import { GyreError } from '../core/errors.ts'
import { seededRandom } from '../core/random.ts'
import { ashaPruner } from './search/asha.ts'
import { gridOf, gridSampler } from './search/grid.ts'
import { importanceOf } from './search/importance.ts'
import { medianPruner } from './search/median.ts'
import type { Progress, Pruner } from './search/pruner.ts'
import { randomSampler } from './search/random.ts'
import type { Sampler } from './search/sampler.ts'
import { compileSpace, type Axis } from './search/space.ts'
import { tpeSampler } from './search/tpe.ts'
import type { TrialRow } from './trial-row.ts'

/** What a study's definition says of its search; pure functions of the trials so far. */
export interface Searcher {
  /** Trials that must end. */
  readonly trials: number
  /** The parameters of trial `number`: the same for the same trials before it. */
  suggest(trials: readonly TrialRow[], number: number): TrialParams
  readonly pruner: Pruner | undefined
  /** Smaller is better. */
  readonly lossOf: (value: number) => number
  importance(trials: readonly TrialRow[]): Readonly<Record<string, number>>
}

/** Throws INVALID_ARGUMENT naming the part that cannot be. */
export function searcherOf(spec: StudySpec): Searcher {
  const axes = compileSpace(spec.over)
  const sampler = samplerOf(spec, axes)
  const sign = spec.direction === 'maximize' ? -1 : 1
  const lossOf = (value: number): number => sign * value
  const toSampled = (trials: readonly TrialRow[]) =>
    trials.flatMap(({ number, params, state, value, step }) =>
      state === 'lost'
        ? []
        : [
            {
              number,
              params,
              state,
              loss: value === undefined ? Number.NaN : lossOf(value),
              ...(step === undefined ? {} : { step }),
            },
          ],
    )
  return {
    trials: trialsOf(spec, axes),
    suggest: (trials, number) => sampler(toSampled(trials), randomOf(spec.seed, number)),
    pruner: prunerOf(spec),
    lossOf,
    importance: (trials) => importanceOf(axes, toSampled(trials)),
  }
}

/** Every trial draws from a stream of its own, so that how the others went changes nothing in it. */
function randomOf(seed: number, number: number) {
  return seededRandom(seed ^ Math.imul(number + 1, 0x9e3779b1))
}

function samplerOf({ sampler }: StudySpec, axes: readonly Axis[]): Sampler {
  switch (sampler.kind) {
    case 'tpe':
      return tpeSampler(axes, { startup: sampler.startup })
    case 'random':
      return randomSampler(axes)
    case 'grid':
      return gridSampler(axes, { points: sampler.points })
  }
}

function prunerOf({ pruner }: StudySpec): Pruner | undefined {
  switch (pruner.kind) {
    case 'none':
      return undefined
    case 'median':
      return medianPruner(pruner)
    case 'asha':
      return ashaPruner(pruner)
  }
}

function trialsOf({ sampler, trials }: StudySpec, axes: readonly Axis[]): number {
  if (sampler.kind !== 'grid') {
    if (trials !== undefined) return trials
    throw new GyreError('INVALID_ARGUMENT', 'trials: expected how many; only a grid knows', {
      field: 'trials',
    })
  }
  const points = gridOf(axes, { points: sampler.points }).length
  if (trials === undefined || trials <= points) return trials ?? points
  throw new GyreError(
    'INVALID_ARGUMENT',
    `trials: expected at most ${points}, which the grid has, got ${trials}`,
    { field: 'trials' },
  )
}

/** What a trial has told of itself, for pruners. */
export function progressOf({ number, state }: TrialRow, reports: Progress['reports']): Progress {
  return { number, state: state === 'lost' ? 'failed' : state, reports }
}
