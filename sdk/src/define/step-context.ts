import type { ModelArtifact, RowSet } from '../wire/pipeline.ts'
import type { Frame } from './frame.ts'

/** A model in memory, with all it needs to score raw rows: learned rates, reference histograms. */
export interface TrainedModel {
  readonly algorithm: 'gradient-boosting' | 'logistic-regression'
  /** Rows it learned from. */
  readonly rows: number
  /** Share of each input in what the model decides by; sums to 1. */
  readonly importance: Readonly<Record<string, number>>
  /** Probability of class 1, one per row; the same numbers as the saved model serves. */
  score(frame: Frame): Float32Array
}

/** How trees are grown; an option out of its range fails the step with its name. */
export interface GradientBoostingOptions {
  /** Trees; 100 unless told. */
  readonly rounds?: number
  /** Weight of each tree's step, above 0 and up to 1; 0.1 unless told. */
  readonly learningRate?: number
  /** Leaves of a tree at most; 31 unless told. */
  readonly maxLeaves?: number
  /** Rows that a leaf holds at least; 20 unless told. */
  readonly minRowsPerLeaf?: number
  /** Penalty on leaf values; 0 unless told. */
  readonly l2?: number
  /** Histogram bins a feature, up to 255, which is the preset. */
  readonly maxBins?: number
  /** Share of the rows, drawn anew, that a tree grows on; 1 unless told. */
  readonly rowShare?: number
  /** Share of the features, drawn anew, that a tree may ask for; 1 unless told. */
  readonly featureShare?: number
}

/** How the weights are held back. */
export interface LogisticRegressionOptions {
  /** Penalty ½ · l2 · |weights|² on standardised inputs; 1 unless told. */
  readonly l2?: number
}

/**
 * Built-in trainers: deterministic by the step's seed, missing values handled. Rates of categories are
 * learned from the frame's own rows, each row's without its own label.
 */
export interface Trainers {
  readonly gradientBoosting: (
    frame: Frame,
    options?: GradientBoostingOptions,
  ) => Promise<TrainedModel>
  readonly logisticRegression: (
    frame: Frame,
    options?: LogisticRegressionOptions,
  ) => Promise<TrainedModel>
}

/** What a step of a pipeline is given, wherever it runs; its members may be taken apart. */
export interface StepContext {
  /** The step's own input `seed`, else the pipeline's parameter `seed`, else 0. */
  readonly seed: number
  /** Aborted when the run is cancelled or the step's time is up. */
  readonly signal: AbortSignal
  readonly train: Trainers
  /** A line in the log of this step's run. */
  readonly log: (message: string) => void
  /** A point of a metric of this step's run; `step` counts from 0. */
  readonly metric: (key: string, value: number, step?: number) => void
  /**
   * What the next attempt goes on from: the bytes, or the path of a file or folder. Each holds a later training `step`
   * than the one before. Metrics told up to here are kept; later ones are told again by whoever goes on.
   */
  readonly checkpoint: (step: number, what: Uint8Array | string) => Promise<void>
  /** The last checkpoint of an earlier attempt, as a file or folder at `path`. */
  readonly resumed: { readonly step: number; readonly path: string } | undefined
  /** Brings a row set into memory, inputs computed. */
  readonly rows: (set: RowSet) => Promise<Frame>
  /** Stores the model, with what serving needs, as an artifact. */
  readonly save: (model: TrainedModel) => Promise<ModelArtifact>
}

/** One step: its inputs and its result are JSON, so that they can be kept and compared. */
export type StepFunction<I, O> = (ctx: StepContext, inputs: I) => Promise<O>
