import { z } from 'zod'

const share = z.number().gt(0).max(1)
const penalty = z.number().min(0)
const count = z.int().min(1)

/** Names and presets of LightGBM; what is told otherwise by the step (seed, threads, objective) is not here. */
const LightgbmParameters = z.strictObject({
  num_iterations: count.max(10_000),
  learning_rate: share,
  num_leaves: z.int().min(2).max(4096),
  /** No limit where it is 0 or less. */
  max_depth: z.int(),
  min_data_in_leaf: z.int().min(0),
  min_sum_hessian_in_leaf: penalty,
  lambda_l1: penalty,
  lambda_l2: penalty,
  max_bin: z.int().min(2).max(65_535),
  /** Share of the rows that is drawn anew every `bagging_freq` trees. */
  bagging_fraction: share,
  bagging_freq: z.int().min(0),
  feature_fraction: share,
})

/** Names and presets of scikit-learn's HistGradientBoostingClassifier; it does not stop early. */
const HistGradientBoostingParameters = z.strictObject({
  max_iter: count.max(10_000),
  learning_rate: share,
  max_leaf_nodes: z.int().min(2).max(4096),
  max_depth: count,
  min_samples_leaf: count,
  l2_regularization: penalty,
  max_features: share,
  max_bins: z.int().min(2).max(255),
})

/** Names and presets of scikit-learn's LogisticRegression, on standardised inputs; a missing value is the mean. */
const LogisticRegressionParameters = z.strictObject({
  C: z.number().gt(0),
  max_iter: count,
  tol: z.number().gt(0),
})

/** A model that a library in Python learns, and what it is told. */
export const TrainerSpec = z.discriminatedUnion('algorithm', [
  z.strictObject({
    algorithm: z.literal('lightgbm'),
    options: LightgbmParameters.partial(),
  }),
  z.strictObject({
    algorithm: z.literal('hist-gradient-boosting'),
    options: HistGradientBoostingParameters.partial(),
  }),
  z.strictObject({
    algorithm: z.literal('logistic-regression'),
    options: LogisticRegressionParameters.partial(),
  }),
])
export type TrainerSpec = z.infer<typeof TrainerSpec>
