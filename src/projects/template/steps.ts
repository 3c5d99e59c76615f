/** The steps of a new project, as they are written into its folder. */
export const FIT_STEP = `import type { ModelArtifact, RowSet, StepContext } from '@gyre/sdk'

/** Gradient boosting on the training rows. */
export async function fit(
  { rows, train, save }: StepContext,
  inputs: { readonly rows: RowSet; readonly seed: number },
): Promise<ModelArtifact> {
  const frame = await rows(inputs.rows)
  return await save(await train.gradientBoosting(frame, { rounds: 60, maxLeaves: 8 }))
}
`

export const BASELINE_STEP = `import type { ModelArtifact, RowSet, StepContext } from '@gyre/sdk'

/** Logistic regression on the same rows: what the trees have to beat. */
export async function baseline(
  { rows, train, save }: StepContext,
  inputs: { readonly rows: RowSet },
): Promise<ModelArtifact> {
  return await save(await train.logisticRegression(await rows(inputs.rows)))
}
`
