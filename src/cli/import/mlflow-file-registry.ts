import { join } from 'node:path'
import type { ImportStage } from '@gyre/sdk/wire/import'
import { entriesOf, labelsIn, readMeta, refuseStrange, type Shelf } from './mlflow-folder.ts'
import {
  isDeletedVersion,
  ModelRow,
  stageOf,
  toModel,
  toVersion,
  VersionRow,
} from './mlflow-shape.ts'
import { leaveDeleted, versionSource, type KnownRoots } from './mlflow-source-uri.ts'
import type { Source } from './source.ts'

const IN_MODEL = ['meta.yaml', 'tags', 'aliases']

/** Registered models as MLflow's file store writes them: `NAME/meta.yaml`, `NAME/version-N/meta.yaml`. */
export function fileRegistry(
  shelf: Shelf,
  root: string,
  known: KnownRoots,
): Pick<Source, 'models' | 'versions' | 'aliases' | 'stages'> {
  const { tally } = shelf
  const names: { readonly path: string; readonly name: string }[] = []
  const stages: ImportStage[] = []

  return {
    async *models() {
      const { folders, others } = await entriesOf(root)
      refuseStrange(tally, root, others, [])
      for (const folder of folders) {
        const path = join(root, folder)
        const row = await readMeta(shelf, 'registered models', path, ModelRow)
        if (!row) continue
        names.push({ path, name: row.name })
        yield toModel(row, await labelsIn(shelf, 'registered model tags', join(path, 'tags'), row.name)) // prettier-ignore
      }
    },

    async *versions() {
      for (const { path, name } of names) {
        const { folders, others } = await entriesOf(path)
        const versions = folders.filter((folder) => /^version-\d+$/.test(folder))
        const strange = [...folders, ...others].filter((entry) => !versions.includes(entry))
        refuseStrange(tally, path, strange, IN_MODEL)
        for (const folder of versions.toSorted(byNumber)) {
          const at = join(path, folder)
          const row = await readMeta(shelf, 'model versions', at, VersionRow)
          if (!row) continue
          if (isDeletedVersion(row)) {
            leaveDeleted(tally)
            continue
          }
          const what = `${name}@${row.version}`
          const tags = await labelsIn(shelf, 'model version tags', join(at, 'tags'), what)
          const source = versionSource(tally, row, tags, known)
          if (source === undefined) continue
          const stage = stageOf(row)
          if (stage) stages.push({ name, version: row.version, stage })
          yield toVersion(row, source, tags)
        }
      }
    },

    async *aliases() {
      for (const { path, name } of names)
        for (const { key: alias, value } of await labelsIn(
          shelf,
          'aliases',
          join(path, 'aliases'),
          name,
        ))
          // prettier-ignore
          if (/^\s*\d{1,9}\s*$/.test(value)) yield { name, alias, version: Number(value) }
          else tally.miss('aliases', `${name}@${alias}`, 'its file holds no number of a version')
    },

    async *stages() {
      yield* stages
    },
  }
}

function byNumber(a: string, b: string): number {
  return Number(a.slice('version-'.length)) - Number(b.slice('version-'.length))
}
