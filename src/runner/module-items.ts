import type { StepSpec } from '@gyre/sdk/wire/pipeline'
import { DigestText } from '@gyre/sdk/wire/ref'
import type { StepWork } from '@gyre/sdk/wire/step'
import { systemClock } from '../core/clock.ts'
import { createStepFiles } from '../train/step-files.ts'
import { resultOf } from '../train/step-result.ts'
import { bundleOf, createStepRows } from '../train/step-rows.ts'
import { createTrainingKeeper } from '../train/training-keeper.ts'
import { importStep } from './import-step.ts'
import { createItemPoints, noCheckpoint, type OpenItems } from './item.ts'
import type { Workplace } from './perform.ts'
import { factTeller } from './station.ts'
import { stepAnalytics } from './step-analytics.ts'
import { contextOf } from './step-context.ts'

/** The user's function, in this process, for one item after the other. */
export async function openModuleItems(
  { station, folder, signal }: Workplace,
  work: StepWork,
  spec: Extract<StepSpec, { kind: 'module' }>,
): Promise<OpenItems> {
  await factTeller(station)()
  const files = createStepFiles(station.client, folder)
  const analytics = stepAnalytics(folder)
  const rows = createStepRows({ files, analytics })
  const bundle = bundleOf(DigestText.parse(work.bundle), work.transforms)
  const run = await importStep(await files.folder(work.bundle), spec)
  const keeper = createTrainingKeeper({ clock: systemClock, signal, checkpoints: undefined })
  return {
    async perform({ inputs, seed }) {
      const points = createItemPoints()
      const ctx = contextOf({ files, rows, bundle, signal, keeper }, seed, {
        metric: points.add,
        resumed: undefined,
        checkpoint: noCheckpoint,
      })
      const given = await run(ctx, { ...work.inputs, ...inputs })
      return { outputs: resultOf(work.step, given), points: points.all() }
    },
    [Symbol.asyncDispose]: () => analytics.close(),
  }
}
