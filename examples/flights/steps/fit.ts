import type { ModelArtifact, RowSet, StepContext } from '@gyre/sdk'

/** Gradient boosting on everything that is known when a flight leaves. */
export async function fit(
  { rows, train, save, log }: StepContext,
  inputs: { readonly rows: RowSet; readonly seed: number },
): Promise<ModelArtifact> {
  const frame = await rows(inputs.rows)
  const model = await train.gradientBoosting(frame, {
    rounds: 100,
    learningRate: 0.1,
    maxLeaves: 31,
    minRowsPerLeaf: 50,
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
