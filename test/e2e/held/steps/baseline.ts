import type { ModelArtifact, StepContext } from '@gyre/sdk'
import type { HeldInputs } from './fit.ts'
import { passJournal } from './journal.ts'

export async function baseline(
  { rows, train, save }: StepContext,
  { rows: set, journal, seed }: HeldInputs,
): Promise<ModelArtifact> {
  await passJournal(journal, `baseline-${seed}`)
  return await save(await train.logisticRegression(await rows(set)))
}
