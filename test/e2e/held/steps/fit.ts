import type { ModelArtifact, RowSet, StepContext } from '@gyre/sdk'
import { passJournal } from './journal.ts'

export interface HeldInputs {
  readonly rows: RowSet
  readonly journal: string
  readonly seed: number
}

/** A small gradient boosting, held before its model is kept. */
export async function fit(
  { rows, train, save }: StepContext,
  { rows: set, journal, seed }: HeldInputs,
): Promise<ModelArtifact> {
  const model = await train.gradientBoosting(await rows(set), { rounds: 10, maxLeaves: 8 })
  await passJournal(journal, `fit-${seed}`)
  return await save(model)
}
