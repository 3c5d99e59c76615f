import type { Context } from '../core/context.ts'
import { digestOfJson } from '../core/digest.ts'
import type { StoredDataset } from '../data/dataset-version.ts'
import type { Analytics } from '../store/analytics.ts'
import type { Blobs } from '../store/blobs.ts'
import type { Catalog } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import { checkLeakage, suspectView, type LeakageVerdict, type Suspect } from './leakage.ts'
import { columnTypes } from './offline.ts'
import { labelledColumns } from './training-rows.ts'
import type { TrainingSetDeps } from './training-set.ts'

export interface HonestyDeps {
  readonly analytics: Analytics
  readonly blobs: Blobs
  readonly catalog: Catalog
  readonly events: Events
}

/**
 * Checks every view and raw field of a training set for leaks of the label. The same question about the same
 * data is answered once; a view that cannot be judged leaves the event `features.leakage-unchecked`.
 */
export function createHonesty(deps: HonestyDeps): TrainingSetDeps['assertHonest'] {
  const verdicts = new Map<string, Promise<LeakageVerdict>>()

  const judge = (labelled: StoredDataset, suspect: Suspect): Promise<LeakageVerdict> => {
    const { source, ...rest } = suspect
    const key = digestOfJson([labelled.version.ref, labelled.version.digest, source.version, rest])
    const verdict = verdicts.get(key) ?? checkLeakage(deps, labelled, suspect)
    verdicts.set(key, verdict)
    verdict.catch(() => verdicts.delete(key))
    return verdict
  }

  return async (ctx, dataset, views, fields) => {
    const raw = suspectFields(dataset, fields)
    if (raw.carriers.length > 0) await judge(dataset, raw)
    for (const { view, source, features } of views) {
      const verdict = await judge(dataset, suspectView(view.spec, source, features))
      if (verdict === 'unmatched') await warn(deps, ctx, dataset, view.ref, source)
    }
  }
}

const NUMBERS = /INT|DOUBLE|FLOAT|DECIMAL|BOOLEAN/

/** Raw fields are known from the row's own time on. */
function suspectFields(dataset: StoredDataset, fields: readonly string[]): Suspect {
  const types = columnTypes(dataset)
  const numbers = fields.filter((field) => NUMBERS.test(types.get(field) ?? ''))
  return {
    what: `fields of ${dataset.spec.name}`,
    source: dataset,
    eventTime: labelledColumns(dataset).at,
    carriers: numbers.map((column) => ({ column, aggregate: 'last' })),
  }
}

async function warn(
  { catalog, events }: HonestyDeps,
  ctx: Context,
  dataset: StoredDataset,
  viewRef: string,
  source: StoredDataset,
): Promise<void> {
  await catalog.write((tx) =>
    events.append(tx, ctx, {
      type: 'features.leakage-unchecked',
      subject: { kind: 'features', id: viewRef.slice('features:'.length) },
      data: { dataset: dataset.version.ref, source: source.version.ref },
    }),
  )
}
