import { z } from 'zod'
import { TreePath } from './artifact.ts'
import { ModelInput } from './feature.ts'
import { GateRules } from './gate.ts'
import { Partitions } from './partition.ts'
import { DigestText, Duration, Instant, Json, Name } from './ref.ts'
import { Resources } from './resources.ts'
import { Retries } from './retries.ts'
import { TrainerSpec } from './trainer.ts'

export const ParamSpec = z.strictObject({
  type: z.enum(['day', 'int', 'number', 'text', 'duration', 'boolean', 'list']),
  default: z.exactOptional(Json),
  /** It says which partition a run is for. */
  partitions: z.exactOptional(Partitions),
})
export type ParamSpec = z.infer<typeof ParamSpec>

/** A value a step reads: a constant, a parameter of the pipeline, (part of) what another step gave, or of its item. */
export type ValueSpec =
  | { readonly kind: 'literal'; readonly value: z.infer<typeof Json> }
  | { readonly kind: 'param'; readonly param: string }
  | { readonly kind: 'step'; readonly step: string; readonly path: readonly string[] }
  | { readonly kind: 'item'; readonly path: readonly string[] }
export const ValueSpec: z.ZodType<ValueSpec> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('literal'), value: Json }),
  z.strictObject({ kind: z.literal('param'), param: Name }),
  z.strictObject({ kind: z.literal('step'), step: Name, path: z.array(z.string()) }),
  z.strictObject({ kind: z.literal('item'), path: z.array(z.string()) }),
])

/** Rows with a known label and the inputs a model learns from, each as known at the row's own time. */
export const TrainingSetSpec = z.strictObject({
  dataset: Name,
  /** Keep the rows whose number in the file is a multiple of this. */
  every: z.number().int().positive(),
  /** Dataset rows count up to here; later ones come from the endpoint's own labelled predictions. */
  historyBefore: z.exactOptional(Instant),
  /** Endpoint whose labelled, unquarantined predictions continue the history. */
  served: z.exactOptional(Name),
  inputs: z.array(ModelInput).min(1),
  /** The newest part, held out for the gate. */
  holdout: Duration,
})
export type TrainingSetSpec = z.infer<typeof TrainingSetSpec>

/** How long a step that is killed goes on at its last checkpoint. */
export const ResumeLimits = z.strictObject({
  /** Running time of all attempts together. */
  maxRun: Duration,
  /** Time from the first start, waiting included. */
  maxWait: Duration,
  /** What it gets between SIGTERM and SIGKILL. */
  grace: Duration,
  /** How often a trainer that Gyre brings along saves; `30s` when absent. */
  every: z.exactOptional(Duration),
})

export type ResumeLimits = z.infer<typeof ResumeLimits>

/** More items are refused: a step keeps what all of them gave as one list. */
export const MAX_ITEMS = 100_000

/** A step is done once for every item of a list, and gives the list of what it gave for each. */
export const Each = z.strictObject({
  items: ValueSpec,
  /** Processes at the same time. */
  concurrency: z.int().min(1).max(64),
})
export type Each = z.infer<typeof Each>

const step = { name: Name, inputs: z.record(z.string(), ValueSpec) }

export const StepSpec = z.discriminatedUnion('kind', [
  z.strictObject({
    ...step,
    kind: z.literal('module'),
    chunk: z.string(),
    digest: z.string(),
    export: z.string(),
    retries: Retries,
    timeout: Duration,
    resources: z.exactOptional(Resources),
    resume: z.exactOptional(ResumeLimits),
    each: z.exactOptional(Each),
  }),
  z.strictObject({
    ...step,
    kind: z.literal('python'),
    /** Path in the project; in the bundle it lies under `python/`, with the modules of its folder. */
    script: TreePath,
    /** Of the script and the modules of its folder. */
    digest: DigestText,
    /** Packages it runs with, pinned; the standard library alone without. */
    requirements: z.exactOptional(z.strictObject({ path: TreePath, digest: DigestText })),
    /** `cpu`: as many as the step's resources have cores. */
    threads: z.union([z.int().min(1).max(256), z.literal('cpu')]),
    /** Rows come as Arrow's IPC file; as the Parquet that they are kept in without. */
    rows: z.exactOptional(z.literal('arrow')),
    /** Its script is one that Gyre brings along; what it learned becomes a model. */
    trainer: z.exactOptional(TrainerSpec),
    retries: Retries,
    timeout: Duration,
    resources: z.exactOptional(Resources),
    resume: z.exactOptional(ResumeLimits),
    each: z.exactOptional(Each),
  }),
  z.strictObject({ ...step, kind: z.literal('training-set'), spec: TrainingSetSpec }),
  z.strictObject({
    ...step,
    kind: z.literal('gate'),
    rules: GateRules,
    /** Endpoint whose stable model is the champion. */
    champion: z.exactOptional(Name),
  }),
  z.strictObject({
    ...step,
    kind: z.literal('register'),
    model: Name,
    /** Name of the policy that approves a version whose gate passed; a person must when absent. */
    approvedBy: z.exactOptional(Name),
  }),
])
export type StepSpec = z.infer<typeof StepSpec>

export const PipelineSpec = z.strictObject({
  name: Name,
  params: z.record(Name, ParamSpec),
  /** In an order in which each step follows those it reads from. */
  steps: z.array(StepSpec).min(1),
})
export type PipelineSpec = z.infer<typeof PipelineSpec>

/** A set of rows in the blob store, as a training-set step gives it. */
export const RowSet = z.strictObject({
  digest: DigestText,
  rows: z.number().int(),
  from: Instant,
  until: Instant,
  label: z.string(),
  at: z.string(),
  subject: z.string(),
  inputs: z.array(ModelInput),
})
export type RowSet = z.infer<typeof RowSet>

/** A trained model in the blob store: a tree of `model.onnx` and `model.json`. */
export const ModelArtifact = z.strictObject({ digest: DigestText, rows: z.number().int() })
export type ModelArtifact = z.infer<typeof ModelArtifact>

export const StepState = z.enum([
  'pending',
  'leased',
  'succeeded',
  'failed',
  'lost',
  'skipped',
  'cancelled',
])
export type StepState = z.infer<typeof StepState>

/** How far a step is that is done once for every item. */
export const ItemCounts = z.strictObject({
  total: z.number().int(),
  succeeded: z.number().int(),
  /** Of those that succeeded: taken from an earlier run, or from an equal item. */
  cached: z.number().int(),
  failed: z.number().int(),
})
export type ItemCounts = z.infer<typeof ItemCounts>

export const StepRun = z.strictObject({
  step: z.string(),
  kind: z.string(),
  state: StepState,
  attempt: z.number().int(),
  cached: z.boolean(),
  cacheKey: z.string().nullable(),
  runId: z.string().nullable(),
  outputs: Json,
  error: z.strictObject({ code: z.string(), message: z.string() }).nullable(),
  /** When a step that failed is tried again; null for one that is not. */
  retryAt: z.string().nullable(),
  /** Null for a step that is done once, and for one that was taken from the cache as a whole. */
  items: ItemCounts.nullable(),
  /** What it asks of its machine; null for a step that says nothing of it. */
  resources: Resources.nullable(),
  startedAt: z.string().nullable(),
  endedAt: z.string().nullable(),
})
export type StepRun = z.infer<typeof StepRun>

export const PipelineRun = z.strictObject({
  id: z.string(),
  pipeline: z.string(),
  code: z.string(),
  params: z.record(z.string(), Json),
  status: z.enum(['running', 'succeeded', 'failed', 'cancelled']),
  startedAt: z.string(),
  endedAt: z.string().nullable(),
  trigger: z.string().nullable(),
  /** The run that it is a repetition of. */
  repeats: z.string().nullable(),
  /** The run whose outputs it went on from. */
  resumes: z.string().nullable(),
  /** Who cancelled it; while it is `running` still, its processes are being ended. */
  cancelled: z.strictObject({ by: z.string(), at: z.string() }).nullable(),
  /** Key of the partition that it is for. */
  partition: z.string().nullable(),
  steps: z.array(StepRun),
})
export type PipelineRun = z.infer<typeof PipelineRun>
