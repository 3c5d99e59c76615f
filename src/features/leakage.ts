import { ArtifactDigest } from '@gyre/sdk/wire/artifact'
import { GyreError } from '../core/errors.ts'
import { subjectColumn } from '../data/dataset-spec.ts'
import type { StoredDataset } from '../data/dataset-version.ts'
import { numberCell } from '../data/cell.ts'
import type { Analytics, Row } from '../store/analytics.ts'
import type { Blobs } from '../store/blobs.ts'
import type { ViewSpec } from '@gyre/sdk/wire/feature'
import {
  leakageSql,
  uniquenessSql,
  type Carrier,
  type LabelledSide,
  type Match,
  type SourceSide,
} from './leakage-sql.ts'
import { columnTypes } from './offline.ts'
import { labelledColumns } from './training-rows.ts'

/** A column that ranks the labels this well alone is the label in other words; honest features stay far below. */
const CARRIES_LABEL_AUC = 0.995

/** Columns name rows when this share of them has a combination of its own. */
const IDENTIFYING_SHARE = 0.9

/** A match that finds fewer of the source's rows says nothing about the source. */
const MATCHED_SHARE = 0.5

export interface LeakageDeps {
  readonly analytics: Analytics
  readonly blobs: Blobs
}

/** What is suspected: columns of a dataset, seen from the moment `eventTime`. */
export interface Suspect {
  /** For the message: `view at_origin`, `field distance`. */
  readonly what: string
  readonly source: StoredDataset
  readonly eventTime: string
  readonly carriers: readonly Carrier[]
}

export type LeakageVerdict = 'clean' | 'unmatched'

/** The columns that the features in use of a view are made of. */
export function suspectView(
  spec: ViewSpec,
  source: StoredDataset,
  features: readonly string[],
): Suspect {
  const carriers = features.flatMap((name) => {
    const feature = spec.features[name]
    return feature ? [{ column: feature.column, aggregate: feature.aggregate }] : []
  })
  return { what: `view ${spec.name}`, source, eventTime: spec.eventTime, carriers }
}

/**
 * Refuses a column that tells a row's label before the dataset says it is known: on the data, whatever the
 * column is called. Rows of another dataset are matched to the labelled ones by every way the two allow; when
 * none of them finds half of the rows, the answer is `unmatched`. Throws LABEL_LEAK.
 */
export async function checkLeakage(
  { analytics, blobs }: LeakageDeps,
  labelled: StoredDataset,
  suspect: Suspect,
): Promise<LeakageVerdict> {
  const pathOf = ({ version }: StoredDataset) => blobs.pathOf(ArtifactDigest.parse(version.digest))
  const labels = { path: pathOf(labelled), columns: labelledColumns(labelled) }
  const source = { ...suspect, path: pathOf(suspect.source) }
  let verdict: LeakageVerdict = 'unmatched'
  for (const match of await matchesOf(analytics, labelled, labels, suspect, source)) {
    const [row] = await analytics.query(leakageSql(labels, source, match))
    if (numberCell(row, 'matched') < MATCHED_SHARE * numberCell(row, 'source')) continue
    verdict = 'clean'
    if (numberCell(row, 'early') > 0) assertNoCarrier(labelled, suspect, row)
  }
  return verdict
}

/** The ways to tell which source row is about which labelled row, surest first. */
async function matchesOf(
  analytics: Analytics,
  labelled: StoredDataset,
  labels: LabelledSide,
  suspect: Suspect,
  source: SourceSide,
): Promise<readonly Match[]> {
  if (suspect.source.version.digest === labelled.version.digest) return [{ by: 'identity' }]
  const subject = subjectColumn(labelled.spec)
  const types = [labelled, suspect.source].map((side) => columnTypes(side).get(subject))
  const named = labelled.spec.subject !== undefined && types[0] === types[1]
  const declared: readonly Match[] = named ? [{ by: 'keys', keys: [subject] }] : []
  const shared = sharedColumns(labelled, suspect)
  const timeless = shared.filter((name) => columnTypes(labelled).get(name) !== 'TIMESTAMP')
  const keySets = timeless.length < shared.length ? [shared, timeless] : [shared]
  const found = await Promise.all(
    keySets.map(async (keys): Promise<Match> => {
      const shares = await Promise.all(
        [labels.path, source.path].map((path) => analytics.query(uniquenessSql(path, keys))),
      )
      const identifying = shares.every(([row]) => numberCell(row, 'share') >= IDENTIFYING_SHARE)
      return identifying && keys.length > 0 ? { by: 'keys', keys } : { by: 'rank', keys }
    }),
  )
  return [...declared, ...found]
}

/** Columns of the same name and type in both, other than the label, its time, the suspected ones, and mere row numbers. */
function sharedColumns(labelled: StoredDataset, { source, carriers }: Suspect): readonly string[] {
  const { label, knownAt } = labelledColumns(labelled)
  const left = columnTypes(labelled)
  const right = columnTypes(source)
  const excluded = new Set([label, knownAt, ...carriers.map(({ column }) => column)])
  for (const { spec } of [labelled, source])
    if (!(subjectColumn(spec) in spec.columns)) excluded.add(subjectColumn(spec))
  return [...left.keys()].filter(
    (name) => left.get(name) === right.get(name) && !excluded.has(name),
  )
}

function assertNoCarrier(labelled: StoredDataset, suspect: Suspect, row: Row | undefined): void {
  for (const [i, { column }] of suspect.carriers.entries()) {
    const auc = row?.[`auc${i}`]
    if (typeof auc === 'number' && auc >= CARRIES_LABEL_AUC)
      throw labelLeak(labelled, suspect, column, row)
  }
}

function labelLeak(
  labelled: StoredDataset,
  { what, eventTime }: Suspect,
  column: string,
  row: Row | undefined,
): GyreError {
  const { label, knownAt } = labelledColumns(labelled)
  const share = numberCell(row, 'early') / numberCell(row, 'matched')
  const minutesEarly = numberCell(row, 'early_ms') / 60_000
  const name = labelled.spec.name
  return new GyreError(
    'LABEL_LEAK',
    `${what}: column ${column} tells the label ${name}.${label} before it is known: in ${(100 * share).toFixed(1)} % of the rows ${eventTime} lies before ${name}.${knownAt}, by ${minutesEarly.toFixed(0)} minutes in the median; expected an event time at or after ${knownAt}`,
    { what, column, label, knownAt, eventTime, share, minutesEarly },
  )
}
