import type { ModelVersion } from '@gyre/sdk/wire/model'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import type { Digest } from '../core/digest.ts'
import { GyreError } from '../core/errors.ts'
import type { Catalog, Tx } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import type { Runs } from '../store/runs.ts'
import { amendModel, putModel } from './model-row.ts'
import { getByKey } from './model-version.ts'
import { insertVersion } from './new-version.ts'
import { modelRef, type VersionKey } from './version-key.ts'

interface Deps {
  readonly catalog: Catalog
  readonly events: Events
  readonly runs: Runs
  readonly clock: Clock
}

/** As `Registry.registerNumbered`: for whoever numbers the versions himself. */
export async function registerNumbered(
  deps: Deps,
  ctx: Context,
  key: VersionKey,
  digest: Digest,
): Promise<ModelVersion> {
  const { catalog, runs, clock } = deps
  if (await isRegistered(catalog.read, ctx, key, digest)) return getByKey(catalog.read, ctx, key)
  const run = await runs.start(ctx, { kind: 'import', name: key.name, endsWithServer: true })
  return catalog.write(async (tx) => {
    const outputs = [{ role: 'model', ref: modelRef(key), digest }]
    await runs.finish(ctx, run.id, { status: 'succeeded', outputs }, tx)
    if (await isRegistered(tx, ctx, key, digest)) return getByKey(tx, ctx, key)
    const atMs = clock.now().getTime()
    await putModel(tx, ctx, { name: key.name, description: '', atMs })
    await amendModel(tx, ctx, key.name, { updated_ms: atMs })
    const content = { ...OF_A_FOLDER, name: key.name, digest, runId: run.id }
    const birth = { version: key.version, createdMs: atMs, updatedMs: atMs }
    return insertVersion(deps, tx, ctx, content, birth)
  })
}

const OF_A_FOLDER = {
  source: null,
  modelId: null,
  runLink: '',
  description: '',
  metrics: {},
  tags: [],
} as const

/** A number that was given stays given, to a deleted version too. */
async function isRegistered(db: Tx, ctx: Context, key: VersionKey, digest: Digest) {
  const row = await db
    .selectFrom('model_versions')
    .select(['digest', 'deleted_ms'])
    .where('project', '=', ctx.project)
    .where('name', '=', key.name)
    .where('version', '=', key.version)
    .executeTakeFirst()
  if (!row) return false
  if (row.digest === digest && row.deleted_ms === null) return true
  const ref = modelRef(key)
  const problem =
    row.deleted_ms === null
      ? `${ref} is registered with other files, and a version never changes`
      : `${ref} was deleted`
  throw new GyreError('CONFLICT', `version: ${problem}; put these under a new number`, {
    field: 'version',
    ref,
  })
}
