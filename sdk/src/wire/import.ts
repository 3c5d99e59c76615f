import { z } from 'zod'
import { ArtifactDigest } from './artifact.ts'
import { Json } from './ref.ts'
import { Double } from './run.ts'
import { Stage } from './stage.ts'

/** What became of one thing that was sent: new here, here already as it was sent, or refused and why. */
export const ImportOutcome = z.union([
  z.enum(['imported', 'there']),
  z.strictObject({ refused: z.string() }),
])
export type ImportOutcome = z.infer<typeof ImportOutcome>

/** Outcomes are in the order of what was sent, here and below. */
const outcomes = z.array(ImportOutcome)

/** Things in one request. */
const MOST = 1_000

const Label = z.strictObject({ key: z.string(), value: z.string() })

/** Epoch milliseconds, of the years that ISO-8601 writes with four digits. */
const TimeMs = z.int().min(0).max(253_402_300_799_999)

/** An experiment is known by its name; its number is given here. */
export const ImportExperiment = z.strictObject({
  name: z.string(),
  tags: z.array(Label),
  createdMs: TimeMs,
  updatedMs: TimeMs,
  deletedMs: TimeMs.nullable(),
})
export type ImportExperiment = z.infer<typeof ImportExperiment>

export const ImportExperiments = z.strictObject({
  experiments: z.array(ImportExperiment).max(MOST),
})

export const ImportedExperiment = z.strictObject({
  outcome: ImportOutcome,
  /** Null where it was refused. */
  number: z.int().nullable(),
  tags: outcomes,
})
export type ImportedExperiment = z.infer<typeof ImportedExperiment>

export const ImportedExperiments = z.strictObject({ experiments: z.array(ImportedExperiment) })

/** What a run used, as it said it. */
const Dataset = z.strictObject({
  name: z.string(),
  digest: z.string(),
  sourceType: z.string(),
  source: z.string(),
  schema: z.string().nullable(),
  profile: z.string().nullable(),
  tags: z.array(Label),
})

/**
 * A run under the id it has always had. Sent again with more labels it takes them too: a run too large for one
 * request comes in several.
 */
export const ImportRun = z.strictObject({
  /** Where it comes from. */
  format: z.enum(['mlflow', 'wandb']),
  id: z.string().regex(/^[a-zA-Z0-9][\w-]{0,127}$/, 'expected letters, digits, _ and -'),
  /** By its name; it must be here. */
  experiment: z.string(),
  name: z.string(),
  userId: z.string(),
  phase: z.enum(['RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED']),
  startMs: TimeMs,
  endMs: TimeMs.nullable(),
  deletedMs: TimeMs.nullable(),
  params: z.array(Label),
  tags: z.array(Label),
  datasets: z.array(Dataset),
  /** Logged models by their ids. */
  models: z.array(
    z.strictObject({
      direction: z.enum(['input', 'output']),
      model: z.string().min(1),
      step: z.int(),
    }),
  ),
})
export type ImportRun = z.infer<typeof ImportRun>

export const ImportRuns = z.strictObject({ runs: z.array(ImportRun).max(MOST) })

export const ImportedRun = z.strictObject({
  outcome: ImportOutcome,
  params: outcomes,
  tags: outcomes,
  datasets: outcomes,
  models: outcomes,
  /** What came of each metric so far: so many points, and the CRC-32 of their bytes. */
  series: z.array(
    z.strictObject({ key: z.string(), points: z.int().nonnegative(), crc: z.int().nonnegative() }),
  ),
})
export type ImportedRun = z.infer<typeof ImportedRun>

export const ImportedRuns = z.strictObject({ runs: z.array(ImportedRun) })

/** Some points of one metric of one run that was imported. */
export const ImportPoints = z.strictObject({
  run: z.string(),
  key: z.string(),
  /** How many points of it came before these. */
  from: z.int().nonnegative(),
  /** Base64 of 24 bytes a point: value float64, step int64, epoch milliseconds int64, little-endian. */
  points: z.base64(),
})
export type ImportPoints = z.infer<typeof ImportPoints>

export const ImportSeries = z.strictObject({ series: z.array(ImportPoints).max(10 * MOST) })
export const ImportedSeries = z.strictObject({ series: outcomes })

/** Files of a run, a logged model or a trace, whose bytes were stored under their digests before. */
export const ImportFiles = z.strictObject({
  root: z.strictObject({ kind: z.enum(['run', 'logged-model', 'trace']), id: z.string() }),
  files: z
    .array(
      z.strictObject({
        path: z.string(),
        digest: ArtifactDigest,
        mediaType: z.string().min(1),
        /** The file that this one may replace: the same file before it grew. */
        instead: ArtifactDigest.nullable(),
      }),
    )
    .max(MOST),
})
export type ImportFiles = z.infer<typeof ImportFiles>

export const ImportedFile = z.strictObject({
  outcome: ImportOutcome,
  /** The other file that has this path; null where there is none. */
  here: z.strictObject({ digest: ArtifactDigest, bytes: z.int() }).nullable(),
})
export type ImportedFile = z.infer<typeof ImportedFile>

export const ImportedFiles = z.strictObject({ files: z.array(ImportedFile) })

/** What somebody found of a trace. */
const Assessment = z.strictObject({
  id: z.string().min(1),
  name: z.string().min(1),
  judgement: z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('feedback'),
      value: Json,
      error: z
        .strictObject({
          code: z.string(),
          message: z.string().nullable(),
          stack: z.string().nullable(),
        })
        .nullable(),
    }),
    /** JSON, digit for digit. */
    z.strictObject({ kind: z.literal('expectation'), json: z.string() }),
    z.strictObject({ kind: z.literal('issue'), issueName: z.string() }),
  ]),
  sourceType: z.string(),
  sourceId: z.string().nullable(),
  span: z.string().nullable(),
  rationale: z.string().nullable(),
  overrides: z.string().nullable(),
  valid: z.boolean(),
  metadata: z.record(z.string(), z.string()),
  createdMs: TimeMs,
  updatedMs: TimeMs,
})
export type ImportAssessment = z.infer<typeof Assessment>

/** A trace under its id. Sent again with more parts it takes them too: one too large comes in several requests. */
export const ImportTrace = z.strictObject({
  id: z.string().regex(/^[\w-]{1,100}$/, 'expected letters, digits, _ and -'),
  /** By its name; it must be here. */
  experiment: z.string(),
  startMs: TimeMs,
  durationMs: z.int().nonnegative().nullable(),
  state: z.enum(['STATE_UNSPECIFIED', 'OK', 'ERROR', 'IN_PROGRESS']),
  requestPreview: z.string().nullable(),
  responsePreview: z.string().nullable(),
  clientRequestId: z.string().nullable(),
  metadata: z.array(Label),
  tags: z.array(Label),
  assessments: z.array(Assessment),
  /** Runs by their ids and prompts as `NAME/VERSION`, but for the run that it was made in. */
  links: z.array(z.strictObject({ kind: z.enum(['run', 'prompt']), to: z.string().min(1) })),
  /** Base64, each of a request of an OTLP exporter with one span in it. */
  spans: z.array(z.base64()),
})
export type ImportTrace = z.infer<typeof ImportTrace>

export const ImportTraces = z.strictObject({ traces: z.array(ImportTrace).max(MOST) })

export const ImportedTrace = z.strictObject({
  outcome: ImportOutcome,
  metadata: outcomes,
  tags: outcomes,
  assessments: outcomes,
  links: outcomes,
  spans: outcomes,
})
export type ImportedTrace = z.infer<typeof ImportedTrace>

export const ImportedTraces = z.strictObject({ traces: z.array(ImportedTrace) })

export const ImportLoggedModel = z.strictObject({
  id: z.string().regex(/^m-[\w-]{1,126}$/, 'expected m- and letters, digits, _ and -'),
  experiment: z.string(),
  name: z.string(),
  modelType: z.string().nullable(),
  status: z.enum(['PENDING', 'READY', 'FAILED']),
  sourceRun: z.string().nullable(),
  createdMs: TimeMs,
  updatedMs: TimeMs,
  deletedMs: TimeMs.nullable(),
  params: z.array(Label),
  tags: z.array(Label),
  metrics: z.array(
    z.strictObject({
      key: z.string(),
      value: Double,
      step: z.int(),
      atMs: TimeMs,
      run: z.string(),
      datasetName: z.string().nullable(),
      datasetDigest: z.string().nullable(),
    }),
  ),
})
export type ImportLoggedModel = z.infer<typeof ImportLoggedModel>

export const ImportLoggedModels = z.strictObject({ models: z.array(ImportLoggedModel).max(MOST) })

export const ImportedLoggedModel = z.strictObject({
  outcome: ImportOutcome,
  params: outcomes,
  tags: outcomes,
  metrics: outcomes,
})
export type ImportedLoggedModel = z.infer<typeof ImportedLoggedModel>

export const ImportedLoggedModels = z.strictObject({ models: z.array(ImportedLoggedModel) })

export const ImportModel = z.strictObject({
  name: z.string(),
  description: z.string(),
  createdMs: TimeMs,
  updatedMs: TimeMs,
  tags: z.array(Label),
})
export type ImportModel = z.infer<typeof ImportModel>

export const ImportModels = z.strictObject({ models: z.array(ImportModel).max(MOST) })

/** A model or a version, and its tags. */
export const ImportedTagged = z.strictObject({ outcome: ImportOutcome, tags: outcomes })
export type ImportedTagged = z.infer<typeof ImportedTagged>

export const ImportedModels = z.strictObject({ models: z.array(ImportedTagged) })

const Version = z.int().min(1).max(999_999_999)

export const ImportModelVersion = z.strictObject({
  name: z.string(),
  version: Version,
  /** `runs:/RUN/PATH` or `models:/LOGGED_MODEL`; for a prompt, which has no files, what MLflow writes there. */
  source: z.string(),
  runId: z.string().nullable(),
  runLink: z.string(),
  description: z.string().nullable(),
  createdMs: TimeMs,
  updatedMs: TimeMs,
  tags: z.array(Label),
})
export type ImportModelVersion = z.infer<typeof ImportModelVersion>

export const ImportModelVersions = z.strictObject({
  versions: z.array(ImportModelVersion).max(MOST),
})
export const ImportedModelVersions = z.strictObject({ versions: z.array(ImportedTagged) })

export const ImportAlias = z.strictObject({
  name: z.string(),
  alias: z.string(),
  version: Version,
})
export type ImportAlias = z.infer<typeof ImportAlias>

export const ImportAliases = z.strictObject({ aliases: z.array(ImportAlias).max(MOST) })
export const ImportedAliases = z.strictObject({ aliases: outcomes })

export const ImportStage = z.strictObject({ name: z.string(), version: Version, stage: Stage })
export type ImportStage = z.infer<typeof ImportStage>

export const ImportStages = z.strictObject({ stages: z.array(ImportStage).max(MOST) })
export const ImportedStages = z.strictObject({ stages: outcomes })
