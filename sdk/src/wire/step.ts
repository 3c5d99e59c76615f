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

const Failure = z.strictObject({
  code: z.string(),
  message: z.string(),
  /** How a process that it had started ended. */
  exitCode: z.exactOptional(z.int()),
  signal: z.exactOptional(z.string()),
})

export const StepReport = z.discriminatedUnion('status', [
  z.strictObject({ status: z.literal('succeeded'), fence: z.number().int(), outputs: Json }),
  z.strictObject({
    status: z.literal('failed'),
    fence: z.number().int(),
    error: Failure,
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

/** One item of a step, handed to a process that works for it. */
export const ItemWork = z.strictObject({
  item: z.int().min(0),
  fence: z.int(),
  inputs: z.record(z.string(), Json),
  seed: z.int(),
})
export type ItemWork = z.infer<typeof ItemWork>

const itemEnd = { item: z.int().min(0), fence: z.int() }

/** How an item ended; points of its metrics have the item's number as their step. */
export const ItemEnd = z.discriminatedUnion('status', [
  z.strictObject({
    ...itemEnd,
    status: z.literal('succeeded'),
    outputs: Json,
    points: z.array(z.strictObject({ key: z.string().min(1), value: Double })).max(1_000),
  }),
  z.strictObject({
    ...itemEnd,
    status: z.literal('failed'),
    error: Failure,
  }),
])
export type ItemEnd = z.infer<typeof ItemEnd>

/** What a process that works on the items of a step has finished, and how many it takes next. */
export const ItemExchange = z.strictObject({
  fence: z.int(),
  worker: z.string().min(1),
  ended: z.array(ItemEnd).max(1_000),
  want: z.int().min(0).max(1_000),
})
export type ItemExchange = z.infer<typeof ItemExchange>

/** Nothing, where something was asked for: the process may end. */
export const ItemExchangeReply = z.strictObject({ items: z.array(ItemWork) })
export type ItemExchangeReply = z.infer<typeof ItemExchangeReply>

export const StepItem = z.strictObject({
  item: z.int(),
  state: z.enum(['pending', 'leased', 'succeeded', 'failed']),
  attempt: z.int(),
  cached: z.boolean(),
  inputs: z.record(z.string(), Json),
  outputs: Json,
  error: z.strictObject({ code: z.string(), message: z.string() }).nullable(),
})
export type StepItem = z.infer<typeof StepItem>

export const StepItems = z.strictObject({
  items: z.array(StepItem),
  /** Hand it in as `after` to get the next page; null on the last one. */
  next: z.int().nullable(),
})
export type StepItems = z.infer<typeof StepItems>

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
  /** The item that was asked about, from 0; null for the step as a whole. */
  item: z.int().nullable(),
  answer: z.enum(['reused', 'changed', 'first', 'unchanged', 'forced', 'repeated', 'waiting']),
  /** The pipeline run it is compared with. */
  earlier: z.string().nullable(),
  changed: z.array(CacheDifference),
})
export type StepWhy = z.infer<typeof StepWhy>
