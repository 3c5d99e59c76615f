import {
  ImportLoggedModel,
  ImportRun,
  type ImportExperiment,
  type ImportModel,
  type ImportModelVersion,
} from '@gyre/sdk/wire/import'
import type { Stage } from '@gyre/sdk/wire/stage'
import { z } from 'zod'
import type { Label } from '../../tracking/tracked-run.ts'

/** A whole number of a database (bigint) or of YAML. */
const Int = z
  .union([z.int(), z.bigint(), z.string().regex(/^-?\d{1,15}$/)])
  .transform(Number)
  .refine(Number.isSafeInteger, 'expected a whole number below 2^53')
const IntOrNull = Int.nullish().transform((value) => value ?? null)
const Text = z
  .string()
  .nullish()
  .transform((value) => value ?? '')
const TextOrNull = z
  .string()
  .nullish()
  .transform((value) => value || null)
/** Names that YAML may have read as numbers. */
const Id = z.union([z.string(), z.number(), z.bigint()]).transform(String)
const Lifecycle = z
  .enum(['active', 'deleted'])
  .nullish()
  .transform((value) => value ?? 'active')

/** MLflow's files and its tables call some members by other names; the first that is there counts. */
function calledAlso(names: Readonly<Record<string, string>>) {
  return (given: unknown): unknown => {
    const row = z.record(z.string(), z.unknown()).safeParse(given)
    if (!row.success) return given
    const renamed = Object.entries(names).flatMap(([also, name]) =>
      row.data[also] === undefined ? [] : [[name, row.data[also]] as const],
    )
    return { ...row.data, ...Object.fromEntries(renamed) }
  }
}

/** An experiment as MLflow's stores keep it. */
export const ExperimentRow = z.object({
  experiment_id: Id,
  name: Id,
  lifecycle_stage: Lifecycle,
  creation_time: IntOrNull,
  last_update_time: IntOrNull,
  workspace: z.string().default('default'),
})
export type ExperimentRow = z.output<typeof ExperimentRow>

export function toExperiment(row: ExperimentRow, tags: Label[]): ImportExperiment {
  const createdMs = row.creation_time ?? row.last_update_time ?? 0
  const updatedMs = row.last_update_time ?? createdMs
  const deletedMs = row.lifecycle_stage === 'deleted' ? updatedMs : null
  return { name: row.name, tags, createdMs, updatedMs, deletedMs }
}

/** The states of a run: names in a database, numbers in files. */
const PHASES = ['RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED'] as const
const Phase = z.union([
  z.enum(PHASES),
  z
    .int()
    .min(1)
    .max(PHASES.length)
    .transform((number) => PHASES[number - 1] ?? 'RUNNING'),
])

/** A run as MLflow's stores keep it. */
export const RunRow = z.preprocess(
  calledAlso({ run_id: 'run_uuid', run_name: 'name' }),
  z.object({
    run_uuid: z.string(),
    experiment_id: Id,
    name: Id.nullish().transform((value) => value ?? ''),
    user_id: Text,
    status: Phase,
    start_time: IntOrNull,
    end_time: IntOrNull,
    deleted_time: IntOrNull,
    lifecycle_stage: Lifecycle,
    artifact_uri: Text,
    source_name: Text,
    source_version: Text,
    entry_point_name: Text,
  }),
)
export type RunRow = z.output<typeof RunRow>

export type RunParts = Pick<ImportRun, 'params' | 'tags' | 'datasets' | 'models'>

/** Throws ZodError for times that no run of Gyre can have. */
export function toRun(row: RunRow, experiment: string, parts: RunParts): ImportRun {
  const startMs = row.start_time ?? row.end_time ?? 0
  return ImportRun.parse({
    format: 'mlflow',
    id: row.run_uuid,
    experiment,
    name: row.name,
    userId: row.user_id,
    phase: row.status,
    startMs,
    endMs: row.end_time,
    deletedMs:
      row.lifecycle_stage === 'deleted' ? (row.deleted_time ?? row.end_time ?? startMs) : null,
    ...parts,
    tags: [...parts.tags, ...legacyTags(row, parts.tags)],
  })
}

/** What MLflow before 1.0 wrote into columns, as the tags that it writes now. */
function legacyTags(
  { source_name, source_version, entry_point_name }: RunRow,
  tags: readonly Label[],
): Label[] {
  const legacy = [
    { key: 'mlflow.source.name', value: source_name },
    { key: 'mlflow.source.git.commit', value: source_version },
    { key: 'mlflow.project.entryPoint', value: entry_point_name },
  ]
  return legacy.filter(({ key, value }) => value !== '' && !tags.some((tag) => tag.key === key))
}

const TIMES = {
  creation_timestamp: 'creation_time',
  creation_timestamp_ms: 'creation_time',
  last_updated_timestamp: 'last_updated_time',
  last_updated_timestamp_ms: 'last_updated_time',
}

const MODEL_STATES = ['PENDING', 'READY', 'FAILED'] as const

/** A logged model as MLflow's stores keep it. */
export const LoggedModelRow = z.preprocess(
  calledAlso(TIMES),
  z.object({
    model_id: z.string(),
    experiment_id: Id,
    name: Id,
    artifact_location: Text,
    creation_time: Int,
    last_updated_time: Int,
    status: z.union([z.int(), z.bigint()]).transform((number) => MODEL_STATES[Number(number) - 1] ?? 'PENDING'), // prettier-ignore
    lifecycle_stage: Lifecycle,
    model_type: TextOrNull,
    source_run_id: TextOrNull,
  }),
)
export type LoggedModelRow = z.output<typeof LoggedModelRow>

export type LoggedModelParts = Pick<ImportLoggedModel, 'params' | 'tags' | 'metrics'>

/** Throws ZodError for times that no model of Gyre can have. */
export function toLoggedModel(
  row: LoggedModelRow,
  experiment: string,
  parts: LoggedModelParts,
): ImportLoggedModel {
  const model: ImportLoggedModel = {
    id: row.model_id,
    experiment,
    name: row.name,
    modelType: row.model_type,
    status: row.status,
    sourceRun: row.source_run_id,
    createdMs: row.creation_time,
    updatedMs: row.last_updated_time,
    deletedMs: row.lifecycle_stage === 'deleted' ? row.last_updated_time : null,
    ...parts,
  }
  z.encode(ImportLoggedModel, model)
  return model
}

/** A registered model as MLflow's stores keep it. */
export const ModelRow = z.preprocess(
  calledAlso(TIMES),
  z.object({
    name: Id,
    creation_time: IntOrNull,
    last_updated_time: IntOrNull,
    description: Text,
    workspace: z.string().default('default'),
  }),
)
export type ModelRow = z.output<typeof ModelRow>

export function toModel(row: ModelRow, tags: Label[]): ImportModel {
  const createdMs = row.creation_time ?? 0
  const updatedMs = row.last_updated_time ?? createdMs
  return { name: row.name, description: row.description, createdMs, updatedMs, tags }
}

/** A version of a registered model as MLflow's stores keep it. */
export const VersionRow = z.preprocess(
  calledAlso(TIMES),
  z.object({
    name: Id,
    version: Int,
    creation_time: IntOrNull,
    last_updated_time: IntOrNull,
    description: TextOrNull,
    user_id: TextOrNull,
    current_stage: z.string().nullish(),
    source: Text,
    run_id: TextOrNull,
    run_link: Text,
    workspace: z.string().default('default'),
  }),
)
export type VersionRow = z.output<typeof VersionRow>

/** `source` as Gyre names it. */
export function toVersion(row: VersionRow, source: string, tags: Label[]): ImportModelVersion {
  const createdMs = row.creation_time ?? 0
  const author = row.user_id === null ? [] : [{ key: 'mlflow.user', value: row.user_id }]
  return {
    name: row.name,
    version: row.version,
    source,
    runId: row.run_id,
    runLink: row.run_link,
    description: row.description,
    createdMs,
    updatedMs: row.last_updated_time ?? createdMs,
    tags: [...tags, ...author.filter(({ key }) => !tags.some((tag) => tag.key === key))],
  }
}

/** The stage of a version; undefined for none, and for one that MLflow has deleted. */
export function stageOf({ current_stage }: VersionRow): Stage | undefined {
  return STAGES[current_stage ?? 'None']
}

/** MLflow keeps of a deleted version only that it was there. */
export function isDeletedVersion({ current_stage }: VersionRow): boolean {
  return current_stage === 'Deleted_Internal'
}

const STAGES: Readonly<Record<string, Stage>> = {
  Staging: 'staging',
  Production: 'production',
  Archived: 'archived',
}
