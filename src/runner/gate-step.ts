import type { StepSpec } from '@gyre/sdk/wire/pipeline'
import { DigestText, Json, type JsonValue } from '@gyre/sdk/wire/ref'
import { systemClock } from '../core/clock.ts'
import { evaluateForGate, type GateDeps } from '../train/gate-evaluation.ts'
import { assertApart } from '../train/row-overlap.ts'
import { bundleOf, createStepRows } from '../train/step-rows.ts'
import type { Assignment } from './perform.ts'
import { stepAnalytics } from './step-analytics.ts'

/** Measures the models of a gate; what they measured is judged by the server. */
export async function performGate(
  { work, files, folder, tell, openModel }: Assignment,
  { rules }: Extract<StepSpec, { kind: 'gate' }>,
): Promise<JsonValue> {
  const told = tell()
  const analytics = stepAnalytics(folder)
  try {
    const deps: GateDeps = {
      files,
      rows: createStepRows({ files, analytics }),
      bundle: bundleOf(DigestText.parse(work.bundle), work.transforms),
      openModel,
      clock: systemClock,
      seed: work.seed,
      assertApart: (...about) => assertApart({ files, analytics }, ...about),
    }
    const [result] = await Promise.all([
      evaluateForGate(deps, work.inputs, work.extra, rules),
      told,
    ])
    return Json.parse(result)
  } finally {
    await analytics.close()
  }
}
