import type { ImportStage } from '@gyre/sdk/wire/import'
import { z } from 'zod'
import {
  isDeletedVersion,
  ModelRow,
  stageOf,
  toModel,
  toVersion,
  VersionRow,
} from './mlflow-shape.ts'
import { leaveDeleted, versionSource, type KnownRoots } from './mlflow-source-uri.ts'
import type { Tables } from './mlflow-tables.ts'
import type { Source } from './source.ts'
import type { Tally } from './tally.ts'

const AliasRow = z.object({
  name: z.string(),
  alias: z.string(),
  version: z.bigint().transform(Number),
  workspace: z.string().default('default'),
})

/** Registered models as MLflow's SQL store keeps them. */
export function databaseRegistry(
  tables: Tables,
  tally: Tally,
  known: KnownRoots,
): Pick<Source, 'models' | 'versions' | 'aliases' | 'stages'> {
  const stages: ImportStage[] = []

  /** The rows of the workspace that is imported. */
  function* each<T extends { readonly name: string; readonly workspace: string }>(
    table: string,
    kind: string,
    schema: z.ZodType<T>,
  ): Generator<T> {
    for (const row of tables.each(table, kind, schema))
      if (row.workspace === 'default') yield row
      else
        tally.miss(
          kind,
          row.name,
          `it is in the workspace ${row.workspace}: only default is imported`,
        )
  }

  return {
    async *models() {
      for (const row of each('registered_models', 'registered models', ModelRow))
        yield toModel(row, tables.labels('registered_model_tags', 'registered model tags', { name: row.name })) // prettier-ignore
    },

    async *versions() {
      for (const row of each('model_versions', 'model versions', VersionRow)) {
        const { name, version } = row
        const tags = tables.labels('model_version_tags', 'model version tags', { name, version })
        if (isDeletedVersion(row)) {
          leaveDeleted(tally, tags.length)
          continue
        }
        const source = versionSource(tally, row, tags, known)
        if (source === undefined) continue
        const stage = stageOf(row)
        if (stage) stages.push({ name, version, stage })
        yield toVersion(row, source, tags)
      }
    },

    async *aliases() {
      for (const { name, alias, version } of each('registered_model_aliases', 'aliases', AliasRow))
        yield { name, alias, version }
    },

    async *stages() {
      yield* stages
      tables.refuseUnread()
    },
  }
}
