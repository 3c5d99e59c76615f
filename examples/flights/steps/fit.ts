import type { ModelArtifact, RowSet, StepContext } from '@gyre/sdk'

interface Inputs {
  readonly rows: RowSet
  readonly seed: number
  readonly learningRate?: number
  readonly maxLeaves?: number
  readonly minRowsPerLeaf?: number
}

/** Gradient boosting on everything that is known when a flight leaves. */
export async function fit(
  { rows, train, save, log }: StepContext,
  inputs: Inputs,
): Promise<ModelArtifact> {
  const frame = await rows(inputs.rows)
  const model = await train.gradientBoosting(frame, {
    rounds: 100,
    learningRate: inputs.learningRate ?? 0.1,
    maxLeaves: inputs.maxLeaves ?? 31,
    minRowsPerLeaf: inputs.minRowsPerLeaf ?? 50,
  })
  log(`${model.rows} rows; decides by ${ranking(model.importance)}`)
  return await save(model)
}

function ranking(importance: Readonly<Record<string, number>>): string {
  return Object.entries(importance)
    .toSorted(([, a], [, b]) => b - a)
    .map(([input, share]) => `${input} ${(share * 100).toFixed(0)} %`)
    .join(', ')
}
