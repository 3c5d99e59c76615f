import type { ModelInput, TransformSpec } from '@gyre/sdk/wire/feature'
import type { TrainingSetSpec } from '@gyre/sdk/wire/pipeline'
import { GyreError } from '../core/errors.ts'
import type { StoredDataset } from '../data/dataset-version.ts'
import { sqlInstant } from '../data/instant.ts'
import { subjectColumn } from '../data/dataset-spec.ts'
import { sqlName, sqlText } from '../store/analytics.ts'
import { columnTypes } from './offline.ts'

/** Columns every training set has besides its inputs; `label` is 0 or 1. */
export const ROW_COLUMNS = { subject: 'subject', at: 'at', label: 'label', knownAt: 'known_at' }

/** Which rows: those that happened in [from, until) and whose label was known by `until`. Epoch ms. */
export interface RowsWindow {
  readonly fromMs: number
  readonly untilMs: number
}

/** A relation of labelled predictions: `subject`, `at`, `label`, `known_at` and every field by its name. */
export interface ServedRows {
  /** May stand behind FROM. Only labelled rows, none of them quarantined. */
  readonly sql: string
}

/** Raw fields that the inputs are made from, each once, by name. Throws INVALID_ARGUMENT for an unknown transform. */
export function fieldsOf(
  inputs: readonly ModelInput[],
  transforms: readonly TransformSpec[],
): readonly string[] {
  const fields = inputs.flatMap((input): readonly string[] => {
    switch (input.kind) {
      case 'field':
      case 'rate':
        return [input.field]
      case 'transform': {
        const transform = transforms.find(({ name }) => name === input.transform)
        if (transform) return transform.from
        throw invalid(`inputs.${input.name}`, `no such transform: ${input.transform}`)
      }
      case 'feature':
        return []
    }
  })
  return [...new Set(fields)].toSorted()
}

/** What a training set needs to know of its dataset. Throws INVALID_ARGUMENT where the dataset does not say. */
export interface LabelledColumns {
  readonly subject: string
  readonly at: string
  readonly label: string
  readonly knownAt: string
}

export function labelledColumns({ spec }: StoredDataset): LabelledColumns {
  if (!spec.label) throw invalid(`dataset ${spec.name}.label`, 'expected, to train on it')
  if (spec.at === undefined) throw invalid(`dataset ${spec.name}.at`, 'expected, to train on it')
  return {
    subject: subjectColumn(spec),
    at: spec.at,
    label: spec.label.column,
    knownAt: spec.label.knownAt,
  }
}

/** What a training set's rows are taken from. */
export interface TrainingRows {
  readonly spec: TrainingSetSpec
  readonly dataset: StoredDataset
  /** The dataset's Parquet. */
  readonly path: string
  readonly fields: readonly string[]
  readonly window: RowsWindow
  readonly served: ServedRows | undefined
}

/**
 * Relation of a training set's rows: every `every`-th of the dataset's, then the served ones from
 * `historyBefore` on. Columns: those of `ROW_COLUMNS`, then `fields`. Throws INVALID_ARGUMENT.
 */
export function trainingRowsSql(rows: TrainingRows): string {
  const { spec, dataset, served, window } = rows
  const types = columnTypes(dataset)
  assertFields(rows.fields, types, labelledColumns(dataset).at)
  const fields = rows.fields.filter((field) => field !== ROW_COLUMNS.at)
  const historyMs = historyEnd(spec, served)
  const past = pastSql({ ...rows, fields }, Math.min(window.untilMs, historyMs ?? Infinity))
  if (!served || historyMs === undefined) return `(${past})`
  const since = { fromMs: Math.max(window.fromMs, historyMs), untilMs: window.untilMs }
  return `(${past} UNION ALL ${servedSql({ ...rows, fields }, served, since)})`
}

function pastSql({ spec, dataset, path, fields, window }: TrainingRows, beforeMs: number): string {
  const columns = labelledColumns(dataset)
  const selected = [
    `${sqlName(columns.subject)} AS ${ROW_COLUMNS.subject}`,
    `${sqlName(columns.at)} AS ${sqlName(ROW_COLUMNS.at)}`,
    `CAST(${sqlName(columns.label)} AS INTEGER) AS ${ROW_COLUMNS.label}`,
    `${sqlName(columns.knownAt)} AS ${ROW_COLUMNS.knownAt}`,
    ...fields.map(sqlName),
  ]
  return `SELECT ${selected.join(', ')} FROM read_parquet(${sqlText(path)}, file_row_number = true)
    WHERE file_row_number % ${spec.every} = 0 AND ${sqlName(columns.label)} IS NOT NULL
      AND ${during(columns.at, window.fromMs, beforeMs)}
      AND ${sqlName(columns.knownAt)} <= ${sqlInstant(window.untilMs)}`
}

/** Served rows took the way through a log, so each column is read back as the dataset's type. */
function servedSql(
  { dataset, fields }: TrainingRows,
  served: ServedRows,
  within: RowsWindow,
): string {
  const types = columnTypes(dataset)
  const { subject, at, label, knownAt } = ROW_COLUMNS
  const selected = [
    readBack(subject, types.get(labelledColumns(dataset).subject)),
    readBack(at, 'TIMESTAMP'),
    readBack(label, 'INTEGER'),
    readBack(knownAt, 'TIMESTAMP'),
    ...fields.map((field) => readBack(field, types.get(field))),
  ]
  return `SELECT ${selected.join(', ')} FROM ${served.sql}
    WHERE ${label} IS NOT NULL AND ${during(at, within.fromMs, within.untilMs)}
      AND ${knownAt} <= ${sqlInstant(within.untilMs)}`
}

function readBack(name: string, type = 'VARCHAR'): string {
  return `CAST(${sqlName(name)} AS ${type}) AS ${sqlName(name)}`
}

function during(column: string, fromMs: number, untilMs: number): string {
  return `${sqlName(column)} >= ${sqlInstant(fromMs)} AND ${sqlName(column)} < ${sqlInstant(untilMs)}`
}

function historyEnd(spec: TrainingSetSpec, served: ServedRows | undefined): number | undefined {
  if (spec.historyBefore !== undefined) return Date.parse(spec.historyBefore)
  if (!served) return undefined
  throw invalid('historyBefore', 'expected, where served predictions continue the history')
}

function assertFields(
  fields: readonly string[],
  types: ReadonlyMap<string, string>,
  at: string,
): void {
  const taken: readonly string[] = Object.values(ROW_COLUMNS)
  for (const field of fields) {
    if (!types.has(field))
      throw invalid(`field ${field}`, `expected one of ${[...types.keys()].join(', ')}`)
    if (taken.includes(field) && !(field === ROW_COLUMNS.at && at === field))
      throw invalid(`field ${field}`, `a training set has a column of its own by that name`)
  }
}

function invalid(field: string, message: string): GyreError {
  return new GyreError('INVALID_ARGUMENT', `${field}: ${message}`, { field })
}
