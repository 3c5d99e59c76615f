import type { ImportedTagged, ImportModel } from '@gyre/sdk/wire/import'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Tx } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import { brief, judgeLabels } from '../core/import-outcome.ts'
import { assertModelName } from './model-name.ts'
import { amendModel, putModel, putModelTag } from './model-row.ts'
import { assertDescription, assertModelTag } from './model-tag.ts'
import { findModel, seqOfModel } from './registered-model.ts'

/** Finds a model by its name or makes it, and adds the tags it lacks. Throws INVALID_ARGUMENT, CONFLICT. */
export async function importModel(
  { events }: { readonly events: Events },
  tx: Tx,
  ctx: Context,
  { name, description, createdMs, updatedMs, tags }: ImportModel,
): Promise<ImportedTagged> {
  assertModelName(name)
  assertDescription(description)
  for (const tag of tags) assertModelTag(tag)
  const known = await findModel(tx, ctx, name)
  if (known && known.description !== description)
    throw new GyreError('CONFLICT', `its description is ${brief(known.description)} here`)
  if (!known) {
    await putModel(tx, ctx, { name, description, atMs: createdMs })
    await amendModel(tx, ctx, name, { updated_ms: updatedMs })
    const subject = { kind: 'model', id: encodeURIComponent(name) }
    await events.append(tx, ctx, { type: 'model.created', subject, data: {} })
  }
  const judged = judgeLabels(tags, new Map(Object.entries(known?.tags ?? {})))
  const seq = await seqOfModel(tx, ctx, name)
  for (const tag of judged.fresh) await putModelTag(tx, seq, tag)
  return { outcome: known ? 'there' : 'imported', tags: [...judged.outcomes] }
}
