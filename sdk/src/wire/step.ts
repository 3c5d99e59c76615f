import { z } from 'zod'
import { Artifact } from './artifact.ts'
import { TransformSpec } from './feature.ts'
import { StepSpec } from './pipeline.ts'
import { Json, Name } from './ref.ts'
import { Double } from './run.ts'

/** What a step may go on from: a file or a folder that holds training step `step`, and all before. */
export const Checkpoint = z.strictObject({ step: z.int().min(0), artifact: Artifact })
export type Checkpoint = z.infer<typeof Checkpoint>

export const StepCheckpoint = z.strictObject({ fence: z.number().int(), ...Checkpoint.shape })

/** All that a step's process needs to know; it fetches bytes by digest. */
export const StepWork = z.strictObject({
  pipelineRunId: z.string(),
  step: Name,
  runId: z.string(),
  /** Of its run, where clients of MLflow may log to it. */
  experiment: z.string().nullable(),
  fence: z.number().int(),
  spec: StepSpec,
  inputs: z.record(z.string(), Json),
  /** What the server adds for a built-in step (the champion of a gate). */
  extra: Json,
  seed: z.number().int(),
  /** Digest of the code bundle's tree. */
  bundle: z.string(),
  transforms: z.array(TransformSpec),
  /** The last one that an earlier attempt has committed. */
  checkpoint: Checkpoint.nullable(),
})
export type StepWork = z.infer<typeof StepWork>

export const StepMetrics = z.strictObject({
  fence: z.number().int(),
  points: z
    .array(
      z.strictObject({
        key: z.string().min(1),
        value: Double,
        step: z.exactOptional(z.number().int()),
      }),
    )
    .max(10_000),
})
export type StepMetrics = z.infer<typeof StepMetrics>

/** What the process of a step runs, and on what; told before it begins. */
export const StepFacts = z.strictObject({
  fence: z.number().int(),
  environment: z.record(z.string().min(1).max(200), z.string().max(2_000)),
})
export type StepFacts = z.infer<typeof StepFacts>

export const StepHeartbeat = z.strictObject({ fence: z.number().int() })

export const StepReport = z.discriminatedUnion('status', [
  z.strictObject({ status: z.literal('succeeded'), fence: z.number().int(), outputs: Json }),
  z.strictObject({
    status: z.literal('failed'),
    fence: z.number().int(),
    error: z.strictObject({
      code: z.string(),
      message: z.string(),
      /** How a process that it had started ended. */
      exitCode: z.exactOptional(z.int()),
      signal: z.exactOptional(z.string()),
    }),
  }),
])
export type StepReport = z.infer<typeof StepReport>

export const StartPipeline = z.strictObject({
  params: z.record(Name, Json).default({}),
  /** The run of a trial whose work it does. A trial has one: asked again, it is that. */
  trial: z.exactOptional(z.string().min(1)),
})

export const ResumePipeline = z.strictObject({
  /** The first step to execute, with all that reads from it; those that did not succeed unless told. */
  from: z.exactOptional(Name),
  /** Of the run that is resumed unless told. */
  params: z.record(Name, Json).default({}),
})

/** A part of a step's cache key: `code`, `inputs.NAME`, `seed` or `extra`; null where it had none. */
export const CacheDifference = z.strictObject({
  part: z.string(),
  before: z.string().nullable(),
  now: z.string().nullable(),
})
export type CacheDifference = z.infer<typeof CacheDifference>

/**
 * Why a step ran, or did not: compared with the newest run of the same step that succeeded before it.
 * `reused`: its outputs were taken from `earlier`; `unchanged`: nothing differs, `earlier` was not to be
 * reused (the step is never reused, or the two ran at the same time); `forced`: nothing differs, its run was resumed
 * from it or from a step before it; `waiting`: it has not begun.
 */
export const StepWhy = z.strictObject({
  pipelineRunId: z.string(),
  step: z.string(),
  answer: z.enum(['reused', 'changed', 'first', 'unchanged', 'forced', 'waiting']),
  /** The pipeline run it is compared with. */
  earlier: z.string().nullable(),
  changed: z.array(CacheDifference),
})
export type StepWhy = z.infer<typeof StepWhy>
