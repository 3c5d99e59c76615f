import { GyreError } from '../../core/errors.ts'
import type { ParamCell } from '../run-labels.ts'
import { logPacked, type PackedSeries } from './log-series.ts'
import type { Sql, SqlValue } from './sql.ts'

/** What is written to a run at once. */
export interface LogRun {
  readonly project: string
  readonly run: string
  /** Refuse a run that was deleted, and one that no client logs. */
  readonly tracked: boolean
  readonly series: PackedSeries
  readonly params: readonly (readonly [key: string, cell: ParamCell])[]
  readonly tags: readonly (readonly [key: string, value: string])[]
}

export interface LoggedRun {
  /** `runs.seq`. */
  readonly seq: number
}

/** Throws NOT_FOUND, CONFLICT for a deleted run, INVALID_ARGUMENT for a parameter that has another value. */
export function logRun(
  sql: Sql,
  { project, run, tracked, series, params, tags }: LogRun,
): LoggedRun {
  const [row] = sql.all(
    'SELECT seq, deleted_ms, experiment FROM runs WHERE project = ? AND id = ?',
    [project, run],
  )
  const [seq, deletedMs, experiment] = row ?? []
  if (typeof seq !== 'number' || (tracked && experiment === null))
    throw new GyreError(
      'NOT_FOUND',
      tracked ? `Run with id=${run} not found` : `no such run: ${run}`,
      { run },
    )
  if (tracked && deletedMs !== null)
    throw new GyreError('CONFLICT', `run ${run} is deleted: restore it first`, { run })
  addParams(sql, seq, run, params)
  logPacked(sql, seq, series)
  for (const [key, value] of tags)
    sql.run(
      `INSERT INTO run_tags (run, key, value) VALUES (?, ?, ?)
        ON CONFLICT (run, key) DO UPDATE SET value = excluded.value`,
      [seq, key, value],
    )
  return { seq }
}

/** A parameter that the run has already keeps its value, and must be given the same one. */
function addParams(sql: Sql, seq: SqlValue, run: string, params: LogRun['params']): void {
  for (const [key, { value, is_json }] of params) {
    const [row] = sql.all('SELECT value FROM run_params WHERE run = ? AND key = ?', [seq, key])
    if (row && row[0] !== value)
      throw new GyreError(
        'INVALID_ARGUMENT',
        `params: ${key} of run ${run} is ${JSON.stringify(row[0])} and cannot become ${JSON.stringify(value)}`,
        { field: 'params', key },
      )
    if (!row)
      sql.run('INSERT INTO run_params (run, key, value, is_json) VALUES (?, ?, ?, ?)', [
        seq,
        key,
        value,
        is_json,
      ])
  }
}
