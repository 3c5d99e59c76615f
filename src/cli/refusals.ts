import { Verdict } from '@gyre/sdk/wire/gate'
import type { PipelineRun } from '@gyre/sdk/wire/pipeline'

/** A gate that refused its candidate: its step has succeeded all the same. */
export interface Refusal {
  readonly gate: string
  /** `auc: 0.61 is not ≥ 0.65`, one for each check that failed. */
  readonly reasons: readonly string[]
}

/** The gates of a run that refused, in the order of its steps. */
export function refusalsOf({ steps }: Pick<PipelineRun, 'steps'>): readonly Refusal[] {
  return steps.flatMap(({ step, kind, outputs }) => {
    const verdict = kind === 'gate' ? Verdict.safeParse(outputs).data : undefined
    if (!verdict || verdict.passed) return []
    const failed = verdict.checks.filter(({ passed }) => !passed)
    return [{ gate: step, reasons: failed.map(({ metric, reason }) => `${metric}: ${reason}`) }]
  })
}
