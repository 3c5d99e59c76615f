import { z } from 'zod'

/** How to boost; the defaults are LightGBM's but where a comment says so. */
export const GbdtOptions = z.strictObject({
  rounds: z.int().min(1).max(10_000).default(100),
  learningRate: z.number().gt(0).max(1).default(0.1),
  maxLeaves: z.int().min(2).max(4096).default(31),
  minRowsPerLeaf: z.int().min(1).default(20),
  /** XGBoost's 1, not LightGBM's 0.001, with which answers rarer than one in a hundred diverge. */
  minHessianPerLeaf: z.number().min(0).default(1),
  l2: z.number().min(0).default(0),
  minGain: z.number().min(0).default(0),
  maxBins: z.int().min(2).max(255).default(255),
  /** Share of the rows, drawn anew without replacement, that a tree grows on. */
  rowShare: z.number().gt(0).max(1).default(1),
  /** Share of the features, drawn anew, that a tree may ask for. */
  featureShare: z.number().gt(0).max(1).default(1),
  /** Stop after so many rounds in which the validation rows' log loss did not fall. */
  patience: z.int().min(1).default(20),
  seed: z.int().min(0).max(0xffffffff).default(0),
})
export type GbdtOptions = z.infer<typeof GbdtOptions>
