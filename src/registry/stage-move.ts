import type { ModelVersion } from '@gyre/sdk/wire/model'
import type { Stage } from '@gyre/sdk/wire/stage'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import type { Tx } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import { amendModel } from './model-row.ts'
import { versionRows } from './model-version.ts'
import { amendVersion } from './version-change.ts'
import { keyOf, modelSubject } from './version-key.ts'
import { toVersions } from './version-row.ts'

interface Deps {
  readonly events: Events
  readonly clock: Clock
}

/** Puts a version into a stage, with its event unless it was there already. Asks nobody. */
export async function moveStage(
  { events, clock }: Deps,
  tx: Tx,
  ctx: Context,
  version: ModelVersion,
  to: Stage,
): Promise<void> {
  const key = keyOf(version)
  const updated = { updated_ms: clock.now().getTime() }
  await amendVersion(tx, ctx, key, { stage: to, ...updated })
  await amendModel(tx, ctx, key.name, updated)
  if (version.stage === to) return
  await events.append(tx, ctx, {
    type: 'model.staged',
    subject: modelSubject(key),
    data: { from: version.stage, to },
  })
}

/** The other versions of the name that are in a stage. */
export async function othersIn(
  tx: Tx,
  ctx: Context,
  version: ModelVersion,
  stage: Stage,
): Promise<readonly ModelVersion[]> {
  const { name, version: number } = keyOf(version)
  const rows = await versionRows(tx, ctx)
    .where('name', '=', name)
    .where('stage', '=', stage)
    .where('version', '!=', number)
    .orderBy('version')
    .execute()
  return toVersions(tx, ctx, rows)
}
