import { Metrics } from '@gyre/sdk/wire/gate'
import type { ModelVersion } from '@gyre/sdk/wire/model'
import { Name } from '@gyre/sdk/wire/ref'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Tx } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import { getVersion, modelRef, modelSubject, versionsOfRun } from './model-version.ts'

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
  { events, clock }: Deps,
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
  const key = { name, version: (await newest(tx, ctx, name)) + 1 }
  await tx
    .insertInto('model_versions')
    .values({
      ...key,
      project: ctx.project,
      digest,
      run_id: runId,
      stage: 'none',
      metrics: JSON.stringify(Metrics.parse(finiteOrNull(metrics))),
      tags: JSON.stringify(tags),
      created_at: clock.now().toISOString(),
      created_by: ctx.actor,
    })
    .execute()
  await events.append(tx, ctx, {
    type: 'model.registered',
    subject: modelSubject(key),
    data: { digest, runId },
  })
  return getVersion(tx, ctx, modelRef(key))
}

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
