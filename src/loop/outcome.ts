import { Verdict } from '@gyre/sdk/wire/gate'
import type { PipelineRun } from '@gyre/sdk/wire/pipeline'
import { z } from 'zod'

/** What a retraining pipeline came to. */
export type Outcome =
  | { readonly kind: 'running' }
  | { readonly kind: 'failed'; readonly reason: string; readonly verdict: Verdict | undefined }
  | {
      readonly kind: 'refused'
      readonly reason: string
      readonly verdict: Verdict
      /** A refused model may be kept as a version, too. */
      readonly candidate: string | undefined
    }
  | {
      readonly kind: 'passed'
      readonly verdict: Verdict
      readonly candidate: string
      /** False when the same files were a version before. */
      readonly isNew: boolean
    }

const Registered = z.object({ ref: z.string(), isNew: z.boolean().default(true) })

/** Reads the verdict from the gate's step and the version from the one that registers. */
export function outcomeOf(run: PipelineRun): Outcome {
  if (run.status === 'running') return { kind: 'running' }
  const verdict = Verdict.safeParse(outputsOf(run, 'gate')).data
  const registered = Registered.safeParse(outputsOf(run, 'register')).data
  const candidate = registered?.ref
  if (verdict && !verdict.passed)
    return { kind: 'refused', reason: reasonsOf(verdict), verdict, candidate }
  if (run.status !== 'succeeded') return { kind: 'failed', reason: failureOf(run), verdict }
  if (!verdict)
    return { kind: 'failed', reason: `pipeline ${run.pipeline} has no gate that judged`, verdict }
  if (!registered)
    return { kind: 'failed', reason: `pipeline ${run.pipeline} registered no version`, verdict }
  return { kind: 'passed', verdict, candidate: registered.ref, isNew: registered.isNew }
}

function outputsOf(run: PipelineRun, kind: string): unknown {
  return run.steps.findLast((step) => step.kind === kind && step.state === 'succeeded')?.outputs
}

function reasonsOf({ checks }: Verdict): string {
  const failed = checks.filter(({ passed }) => !passed)
  return failed.map(({ metric, reason }) => `${metric}: ${reason}`).join('; ')
}

function failureOf(run: PipelineRun): string {
  const failed = run.steps.find(({ error }) => error !== null)
  if (!failed?.error) return `pipeline ${run.pipeline} was ${run.status}`
  return `step ${failed.step}: ${failed.error.message.split('\n')[0] ?? failed.error.code}`
}
