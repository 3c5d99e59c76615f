import { z } from 'zod'
import { TransformSpec } from './feature.ts'
import { StepSpec } from './pipeline.ts'
import { Json, Name } from './ref.ts'
import { Double } from './run.ts'

/** All that a step's process needs to know; it fetches bytes by digest. */
export const StepWork = z.strictObject({
  pipelineRunId: z.string(),
  step: Name,
  runId: z.string(),
  fence: z.number().int(),
  spec: StepSpec,
  inputs: z.record(z.string(), Json),
  /** What the server adds for a built-in step (the champion of a gate). */
  extra: Json,
  seed: z.number().int(),
  /** Digest of the code bundle's tree. */
  bundle: z.string(),
  transforms: z.array(TransformSpec),
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

export const StepHeartbeat = z.strictObject({ fence: z.number().int() })

export const StepReport = z.discriminatedUnion('status', [
  z.strictObject({ status: z.literal('succeeded'), fence: z.number().int(), outputs: Json }),
  z.strictObject({
    status: z.literal('failed'),
    fence: z.number().int(),
    error: z.strictObject({ code: z.string(), message: z.string() }),
  }),
])
export type StepReport = z.infer<typeof StepReport>

export const StartPipeline = z.strictObject({ params: z.record(Name, Json).default({}) })
