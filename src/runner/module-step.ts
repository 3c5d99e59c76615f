import type { StepSpec } from '@gyre/sdk/wire/pipeline'
import { DigestText, type JsonValue } from '@gyre/sdk/wire/ref'
import { systemClock } from '../core/clock.ts'
import { openStepCheckpoints } from '../train/step-checkpoints.ts'
import { resultOf } from '../train/step-result.ts'
import { bundleOf, createStepRows } from '../train/step-rows.ts'
import { importStep } from './import-step.ts'
import { mayGoOn } from './may-go-on.ts'
import type { Assignment } from './perform.ts'
import { stepAnalytics } from './step-analytics.ts'
import { contextOf } from './step-context.ts'

/** Runs the user's function in this process. */
export async function performModule(
  { work, files, folder, signal, metrics, tell, commit }: Assignment,
  spec: Extract<StepSpec, { kind: 'module' }>,
): Promise<JsonValue> {
  const told = tell()
  const analytics = stepAnalytics(folder)
  try {
    const rows = createStepRows({ files, analytics })
    const bundle = bundleOf(DigestText.parse(work.bundle), work.transforms)
    const run = await importStep(await files.folder(work.bundle), spec)
    const saving = { files, clock: systemClock, signal, commit }
    const { keeper, ...progress } = await openStepCheckpoints(saving, work.checkpoint, spec.resume)
    const ctx = contextOf({ files, rows, bundle, signal, keeper }, work.seed, {
      metric: metrics.add,
      ...progress,
    })
    const [outputs] = await Promise.all([mayGoOn(spec, signal, () => run(ctx, work.inputs)), told])
    return resultOf(spec.name, outputs)
  } finally {
    try {
      await metrics.flush()
    } finally {
      await analytics.close()
    }
  }
}
