/** Limits of MLflow 3.17's own validation, in characters. */
export const LIMITS = {
  param: 6_000,
  runTag: 8_000,
  experimentTag: 20_000,
  experimentName: 500,
} as const
