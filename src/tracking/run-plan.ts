import { sql, type RawBuilder } from 'kysely'
import type { ColumnPlan } from '../store/search/column-plan.ts'
import type { Entity } from '../store/search/filter-clause.ts'
import { RUN_LOCATION } from './locations.ts'

const ATTRIBUTES: Readonly<Record<string, RawBuilder<unknown>>> = {
  run_id: sql.ref('runs.id'),
  run_name: sql.ref('runs.name'),
  user_id: sql.ref('runs.user_id'),
  status: sql.ref('runs.phase'),
  start_time: sql.ref('runs.start_ms'),
  end_time: sql.ref('runs.end_ms'),
  artifact_uri: RUN_LOCATION,
}

const TABLES: Readonly<Partial<Record<Entity, string>>> = {
  metric: 'run_metrics',
  param: 'run_params',
  tag: 'run_tags',
}

/** How a search reaches the fields of runs. */
export const RUN_PLAN: ColumnPlan = {
  row: sql.ref('runs.seq'),
  reach(entity, key) {
    if (entity === 'dataset')
      return { in: 'table', table: 'run_datasets', owner: 'run', value: key }
    const table = TABLES[entity]
    if (table)
      return {
        in: 'table',
        table,
        owner: 'run',
        key: 'key',
        value: 'value',
        indexed: true,
      }
    const column = ATTRIBUTES[key]
    if (!column) throw new RangeError(`runs have no ${entity} ${key}`)
    return { in: 'row', column, ...(key === 'end_time' ? { optional: true } : {}) }
  },
}
