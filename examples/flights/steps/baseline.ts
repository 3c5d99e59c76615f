import type { ModelArtifact, RowSet, StepContext } from '@gyre/sdk'

/** Logistic regression on the same rows: what the trees have to beat. */
export async function baseline(
  { rows, train, save }: StepContext,
  inputs: { readonly rows: RowSet },
): Promise<ModelArtifact> {
  return await save(await train.logisticRegression(await rows(inputs.rows)))
}
