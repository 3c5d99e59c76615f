import type { Frame } from '@gyre/sdk'
import type { TransformSpec } from '@gyre/sdk/wire/feature'
import type { ModelSpec } from '@gyre/sdk/wire/model'
import type { RowSet } from '@gyre/sdk/wire/pipeline'
import { importTransforms } from '../infer/transforms.ts'
import { sqlText, type Analytics, type Columns } from '../store/analytics.ts'
import { fieldsOf, frameOf, type TransformCode } from './frame.ts'
import type { StepFiles } from './step-files.ts'
import type { ServingParts } from './train.ts'

export interface StepRowsDeps {
  readonly files: StepFiles
  readonly analytics: Analytics
}

/** A bundle of user code and those of its transforms that somebody needs. */
export type TransformBundle = NonNullable<ModelSpec['code']>

/** The transforms of a project, as a model pins them. */
export function bundleOf(
  digest: TransformBundle['digest'],
  transforms: readonly TransformSpec[],
): TransformBundle {
  return {
    digest,
    transforms: Object.fromEntries(
      transforms.map(({ name, chunk, export: exported, from, gives }) => [
        name,
        { chunk, export: exported, from, gives },
      ]),
    ),
  }
}

/** Brings row sets into memory as frames, with the transforms of a given bundle. */
export function createStepRows({ files, analytics }: StepRowsDeps) {
  const loaded = new Map<string, Promise<Columns>>()

  function columnsOf(set: RowSet): Promise<Columns> {
    const known = loaded.get(set.digest)
    if (known) return known
    const columns = files
      .blob(set.digest)
      .then((path) => analytics.columns(`SELECT * FROM read_parquet(${sqlText(path)})`))
    loaded.set(set.digest, columns)
    return columns
  }

  return {
    /** Every column that a row set holds, its rows in the order of their frame. */
    columns: columnsOf,

    async frame(set: RowSet, bundle: TransformBundle): Promise<Frame> {
      const needed = set.inputs.flatMap((input) =>
        input.kind === 'transform' ? [input.transform] : [],
      )
      return frameOf(set, await columnsOf(set), await transformsOf(files, bundle, new Set(needed)))
    },

    /** What a model learned from `set` must carry to be served. */
    async servingParts(set: RowSet, bundle: TransformBundle): Promise<ServingParts> {
      const used = new Set(
        set.inputs.flatMap((input) => (input.kind === 'transform' ? [input.transform] : [])),
      )
      const transforms = Object.fromEntries(
        Object.entries(bundle.transforms).filter(([name]) => used.has(name)),
      )
      const fields = fieldsOf(set, await columnsOf(set), new Map(Object.entries(transforms)))
      return { fields, code: used.size === 0 ? null : { digest: bundle.digest, transforms } }
    },
  }
}

export type StepRows = ReturnType<typeof createStepRows>

async function transformsOf(
  files: StepFiles,
  bundle: TransformBundle,
  needed: ReadonlySet<string>,
): Promise<ReadonlyMap<string, TransformCode>> {
  if (needed.size === 0) return new Map()
  const folder = await files.folder(bundle.digest)
  const places = Object.fromEntries(
    Object.entries(bundle.transforms).filter(([name]) => needed.has(name)),
  )
  const imported = await importTransforms(
    { code: { digest: bundle.digest, transforms: places } },
    folder,
  )
  return new Map(
    [...imported].map(([name, apply]) => {
      const { from = [], gives = [] } = places[name] ?? {}
      return [name, { from, gives, apply }]
    }),
  )
}
