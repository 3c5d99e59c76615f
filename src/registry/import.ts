import type {
  ImportAlias,
  ImportedTagged,
  ImportModel,
  ImportModelVersion,
  ImportOutcome,
  ImportStage,
} from '@gyre/sdk/wire/import'
import type { Context } from '../core/context.ts'
import { refusalOf } from '../core/import-outcome.ts'
import { importModel } from './import-model.ts'
import { importVersion, type ImportVersionDeps } from './import-version.ts'
import { findAlias, getByKey } from './model-version.ts'
import type { Versions } from './versions.ts'

/**
 * What another registry kept. Each thing is a unit of its own: one that is refused leaves the others alone, and what
 * is here already is not added again. Outcomes are in the order of what was given.
 */
export interface ModelImports {
  models(ctx: Context, models: readonly ImportModel[]): Promise<ImportedTagged[]>
  /** The files of a version must have been imported before. */
  versions(ctx: Context, versions: readonly ImportModelVersion[]): Promise<ImportedTagged[]>
  /** As the verbs of `Versions` set them; one that points elsewhere here is refused. */
  aliases(ctx: Context, aliases: readonly ImportAlias[]): Promise<ImportOutcome[]>
  /** As the verbs of `Versions` move them, gates included; a version that has been moved here is refused. */
  stages(ctx: Context, stages: readonly ImportStage[]): Promise<ImportOutcome[]>
}

export interface ModelImportsDeps extends ImportVersionDeps {
  readonly moves: Pick<Versions, 'setAlias' | 'transition'>
}

export function createModelImports(deps: ModelImportsDeps): ModelImports {
  const { catalog, moves } = deps

  async function alias(
    ctx: Context,
    { name, alias: text, version }: ImportAlias,
  ): Promise<ImportOutcome> {
    const here = await findAlias(catalog.read, ctx, name, text)
    if (here?.version === version) return 'there'
    if (here) return { refused: `it points at ${here.version} here` }
    await moves.setAlias(ctx, { name, version }, text)
    return 'imported'
  }

  async function stage(
    ctx: Context,
    { name, version, stage: to }: ImportStage,
  ): Promise<ImportOutcome> {
    const { stage: here } = await getByKey(catalog.read, ctx, { name, version })
    if (here === to) return 'there'
    if (here !== 'none') return { refused: `it is in ${here} here` }
    await moves.transition(ctx, { name, version }, { to, archiveExisting: false })
    return 'imported'
  }

  return {
    models: (ctx, models) =>
      Promise.all(
        models.map((model) =>
          catalog.write((tx) => importModel(deps, tx, ctx, model)).catch(tagged),
        ),
      ),

    async versions(ctx, versions) {
      const outcomes: ImportedTagged[] = []
      for (const version of versions)
        outcomes.push(await importVersion(deps, ctx, version).catch(tagged))
      return outcomes
    },

    async aliases(ctx, aliases) {
      const outcomes: ImportOutcome[] = []
      for (const one of aliases) outcomes.push(await alias(ctx, one).catch(refusalOf))
      return outcomes
    },

    async stages(ctx, stages) {
      const outcomes: ImportOutcome[] = []
      for (const one of stages) outcomes.push(await stage(ctx, one).catch(refusalOf))
      return outcomes
    },
  }
}

function tagged(thrown: unknown): ImportedTagged {
  return { outcome: refusalOf(thrown), tags: [] }
}
