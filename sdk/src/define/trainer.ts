import type { ModelArtifact, RowSet } from '../wire/pipeline.ts'
import type { TrainerSpec } from '../wire/trainer.ts'
import type { PythonProgram } from './python.ts'

/** What a trainer learns from, and with which seed: the pipeline's unless told. */
export interface TrainerInputs {
  readonly rows: RowSet
  readonly seed?: number
}

/** What every trainer in Python may be told. */
interface ThreadOptions {
  /** Threads that the library may take; as many as the step's `resources` have cores, or 1, unless told. */
  readonly threads?: number
}

type OptionsOf<A extends TrainerSpec['algorithm']> = Extract<
  TrainerSpec,
  { algorithm: A }
>['options']

/** LightGBM's own parameters, by its names; its presets unless told. */
export type LightgbmOptions = OptionsOf<'lightgbm'> & ThreadOptions

/** The estimator's own parameters, by its names; its presets unless told. */
export type SklearnOptions<A extends SklearnAlgorithm = SklearnAlgorithm> = OptionsOf<A> &
  ThreadOptions

/** Estimators of scikit-learn that a step can train: HistGradientBoostingClassifier, LogisticRegression. */
export type SklearnAlgorithm = 'hist-gradient-boosting' | 'logistic-regression'

/**
 * The work of a step that trains boosted trees with LightGBM: `step('fit', lightgbm({ num_leaves: 15 }))`. It gives a
 * model as `ctx.save` does, and fails where the saved model and the library do not agree.
 */
export function lightgbm({ threads, ...options }: LightgbmOptions = {}): Trainer {
  return trainerOf('lightgbm', { algorithm: 'lightgbm', options }, threads)
}

/** The same with scikit-learn: `step('fit', sklearn('logistic-regression', { C: 0.5 }))`. */
export function sklearn<A extends SklearnAlgorithm>(
  algorithm: A,
  options?: SklearnOptions<A>,
): Trainer
export function sklearn(
  algorithm: SklearnAlgorithm,
  { threads, ...options }: SklearnOptions = {},
): Trainer {
  return trainerOf('sklearn', { algorithm, options }, threads)
}

type Trainer = PythonProgram<TrainerInputs, ModelArtifact>

/** Gyre brings the script and its pinned packages along. */
function trainerOf(library: string, trainer: TrainerSpec, threads: number | undefined): Trainer {
  const folder = `@gyre/trainers/${library}`
  return {
    python: {
      script: `${folder}/train.py`,
      requirements: `${folder}/requirements.lock`,
      trainer,
      ...(threads !== undefined && { threads }),
    },
  }
}
