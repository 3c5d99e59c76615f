import { Metrics } from '@gyre/sdk/wire/gate'
import type { ModelVersion } from '@gyre/sdk/wire/model'
import { Name } from '@gyre/sdk/wire/ref'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Tx } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import { amendModel, putModel } from './model-row.ts'
import type { Tag } from './model-tag.ts'
import { getByKey, versionsOfRun } from './model-version.ts'
import { putVersionTag } from './version-change.ts'
import { modelSubject } from './version-key.ts'

export interface NewModelVersion {
  readonly name: string
  /** Digest of the model's tree of files. */
  readonly digest: string
  /** What is known of its quality; NaN is kept as null. */
  readonly metrics: Readonly<Record<string, number | null>>
  readonly runId: string
  readonly tags?: Readonly<Record<string, string>>
}

interface Deps {
  readonly events: Events
  readonly clock: Clock
}

/** The next version of the name, or the one that this run registered from these files before. */
export async function addVersion(
  deps: Deps,
  tx: Tx,
  ctx: Context,
  { name, digest, metrics, runId, tags = {} }: NewModelVersion,
): Promise<ModelVersion> {
  if (!Name.safeParse(name).success)
    throw new GyreError('INVALID_ARGUMENT', `name: expected a name, got ${JSON.stringify(name)}`, {
      field: 'name',
    })
  const known = await versionsOfRun(tx, ctx, runId)
  const again = known.find((one) => one.name === name && one.digest === digest)
  if (again) return again
  const atMs = deps.clock.now().getTime()
  await putModel(tx, ctx, { name, description: '', atMs })
  return insertVersion(deps, tx, ctx, {
    ...BY_GYRE,
    name,
    digest,
    runId,
    metrics: finiteOrNull(metrics),
    tags: Object.entries(tags).map(([key, value]) => ({ key, value })),
  })
}

/** Nobody has said where its files were: they are the digest. */
const BY_GYRE = { source: null, modelId: null, runLink: '', description: '' } as const

/** A version but for its number. */
export interface VersionContent {
  readonly name: string
  readonly digest: string
  readonly source: string | null
  readonly runId: string | null
  readonly modelId: string | null
  readonly runLink: string
  readonly description: string
  readonly metrics: Metrics
  readonly tags: readonly Tag[]
}

/** Which number a version has, and since when; times are epoch milliseconds. */
export interface VersionBirth {
  readonly version: number
  readonly createdMs: number
  readonly updatedMs: number
}

/** Writes a version of a model that is there, with its event: the next one, now, unless it is told. */
export async function insertVersion(
  { events, clock }: Deps,
  tx: Tx,
  ctx: Context,
  content: VersionContent,
  told?: VersionBirth,
): Promise<ModelVersion> {
  const { name, digest, source, runId, modelId, runLink, description, metrics, tags } = content
  const { project } = ctx
  const nowMs = clock.now().getTime()
  const { version, createdMs, updatedMs } = told ?? {
    version: (await newest(tx, ctx, name)) + 1,
    createdMs: nowMs,
    updatedMs: nowMs,
  }
  const key = { name, version }
  const { seq } = await tx
    .insertInto('model_versions')
    .values({
      ...key,
      project,
      digest,
      source,
      run_id: runId,
      model_id: modelId,
      run_link: runLink,
      description,
      stage: 'none',
      metrics: JSON.stringify(Metrics.parse(metrics)),
      created_ms: createdMs,
      created_by: ctx.actor,
      updated_ms: updatedMs,
      deleted_ms: null,
    })
    .returning('seq')
    .executeTakeFirstOrThrow()
  for (const tag of tags) await putVersionTag(tx, seq, tag)
  if (!told) await amendModel(tx, ctx, name, { updated_ms: nowMs })
  await events.append(tx, ctx, {
    type: told ? 'model.imported' : 'model.registered',
    subject: modelSubject(key),
    data: { digest, runId, source },
  })
  return getByKey(tx, ctx, key)
}

/** The highest number that was ever given, deleted versions included; 0 before the first. */
async function newest(tx: Tx, ctx: Context, name: string): Promise<number> {
  const row = await tx
    .selectFrom('model_versions')
    .select((eb) => eb.fn.max('version').as('version'))
    .where('project', '=', ctx.project)
    .where('name', '=', name)
    .executeTakeFirst()
  return row?.version ?? 0
}

function finiteOrNull(metrics: NewModelVersion['metrics']): Record<string, number | null> {
  return Object.fromEntries(
    Object.entries(metrics).map(([key, value]) => [key, Number.isFinite(value) ? value : null]),
  )
}
