import type { Random } from '../../core/random.ts'
import type { Params } from './space.ts'

/** A trial as samplers and pruners see it. */
export interface Trial {
  /** Order of their starts. */
  readonly number: number
  readonly params: Params
  /** `failed` ones say nothing of their parameters. */
  readonly state: 'running' | 'finished' | 'pruned' | 'failed'
  /** Of the objective, the smaller the better; of a pruned trial the last it reported. NaN where there is none. */
  readonly loss: number
  /** The last step a pruned trial reported at. */
  readonly step?: number
}

/** Chooses the parameters of the next trial from those before it: a pure function of both arguments. */
export type Sampler = (trials: readonly Trial[], random: Random) => Params
