import type { ModelVersion, RegisteredModel } from '@gyre/sdk/wire/model'
import type { Stage } from '@gyre/sdk/wire/stage'
import { z } from 'zod'
import { versionLocation } from '../../registry/version-location.ts'
import { keyOf } from '../../registry/version-key.ts'
import { Required, some } from './wire.ts'

/** Stages as MLflow prints them. */
const STAGE_NAMES: Readonly<Record<Stage, string>> = {
  none: 'None',
  staging: 'Staging',
  production: 'Production',
  archived: 'Archived',
}

/** A stage in any case. */
export const StageIn = Required.transform((text, ctx): Stage => {
  const stage = STAGES.find((name) => name === text.toLowerCase())
  if (stage) return stage
  ctx.addIssue({
    code: 'custom',
    message: `Invalid Model Version stage: ${text}. Value must be one of ${Object.values(STAGE_NAMES).join(', ')}.`,
  })
  return z.NEVER
})

const STAGES: readonly Stage[] = ['none', 'staging', 'production', 'archived']

/** A version's number as text, read as Python's `int` reads it; what no column can hold is none. */
export const VersionIn = Required.transform((text, ctx): number => {
  if (/^\s*[+-]?\d{1,18}\s*$/.test(text)) return Number(text)
  ctx.addIssue({ code: 'custom', message: `must be an integer, got '${text}'.` })
  return z.NEVER
})

/** A registered model; its newest versions come without their aliases, as MLflow gives them there. */
export function modelOut(model: RegisteredModel): object {
  const { name, createdAt, updatedAt, description, latest, tags, aliases } = model
  return {
    name,
    creation_timestamp: Date.parse(createdAt),
    last_updated_timestamp: Date.parse(updatedAt),
    description: description || undefined,
    latest_versions: some(latest.map(bareVersionOut)),
    tags: some(pairs(tags)),
    aliases: some(Object.entries(aliases).map(([alias, version]) => ({ alias, version }))),
  }
}

export function versionOut(version: ModelVersion): object {
  return { ...bareVersionOut(version), aliases: some(version.aliases) }
}

/** A version in a list: MLflow tells aliases of those it gives one by one alone. */
export function bareVersionOut(version: ModelVersion): object {
  const { name, createdAt, updatedAt, stage, description, runId, runLink, tags } = version
  return {
    name,
    version: version.version,
    creation_timestamp: Date.parse(createdAt),
    last_updated_timestamp: Date.parse(updatedAt),
    current_stage: STAGE_NAMES[stage],
    description: description ?? undefined,
    source: version.source ?? filesLocation(version),
    run_id: runId ?? '',
    status: 'READY',
    tags: some(pairs(tags)),
    run_link: runLink,
  }
}

/** Where the frozen files of a version are; a prompt has none, and its placeholder stays one. */
export function filesLocation(version: ModelVersion): string {
  if (version.digest === '' && version.source !== null) return version.source
  return `mlflow-artifacts:/${versionLocation(keyOf(version))}`
}

function pairs(tags: Readonly<Record<string, string>>): { key: string; value: string }[] {
  return Object.entries(tags).map(([key, value]) => ({ key, value }))
}
