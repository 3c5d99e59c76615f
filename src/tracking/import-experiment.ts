import type { ImportedExperiment, ImportExperiment } from '@gyre/sdk/wire/import'
import type { Context } from '../core/context.ts'
import type { Tx } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import {
  findExperimentByName,
  getExperiment,
  newestExperiment,
  putExperimentTag,
} from './experiments.ts'
import { judgeLabels } from '../core/import-outcome.ts'
import { assertLength, missingError } from '../core/label-key.ts'
import { LIMITS } from './limits.ts'

/** Finds an experiment by its name or makes it, and adds the tags it lacks. Throws INVALID_ARGUMENT for the name. */
export async function importExperiment(
  { events }: { readonly events: Events },
  tx: Tx,
  ctx: Context,
  experiment: ImportExperiment,
): Promise<ImportedExperiment> {
  const { name } = experiment
  if (name === '') throw missingError('name')
  assertLength(name, LIMITS.experimentName, 'name')
  const known = await findExperimentByName(tx, ctx, name)
  const number = known?.number ?? (await insertExperiment(tx, ctx, experiment))
  if (!known) {
    const subject = { kind: 'experiment', id: String(number) }
    await events.append(tx, ctx, { type: 'experiment.imported', subject, data: { name } })
  }
  const { seq, tags: here } = await getExperiment(tx, ctx, number)
  const { fresh, outcomes } = judgeLabels(experiment.tags, new Map(Object.entries(here)))
  for (const { key, value } of fresh) await putExperimentTag(tx, seq, key, value)
  return { outcome: known ? 'there' : 'imported', number, tags: [...outcomes] }
}

async function insertExperiment(
  tx: Tx,
  ctx: Context,
  { name, createdMs, updatedMs, deletedMs }: ImportExperiment,
): Promise<number> {
  const number = (await newestExperiment(tx, ctx)) + 1
  await tx
    .insertInto('experiments')
    .values({
      project: ctx.project,
      number,
      name,
      created_ms: createdMs,
      updated_ms: updatedMs,
      deleted_ms: deletedMs,
    })
    .execute()
  return number
}
