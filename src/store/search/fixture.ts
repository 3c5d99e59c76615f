import { sql, type RawBuilder, type SqlBool } from 'kysely'
import { openTempStore } from '../fixture.ts'
import type { ColumnPlan } from './column-plan.ts'

/** A run, as a test writes it down. */
export interface SampleRun {
  readonly id: string
  readonly name?: string
  readonly status?: string
  readonly user?: string
  readonly startMs?: number
  readonly endMs?: number
  readonly params?: Readonly<Record<string, string>>
  readonly tags?: Readonly<Record<string, string>>
  readonly metrics?: Readonly<Record<string, number>>
  readonly datasets?: readonly {
    readonly name: string
    readonly digest: string
    readonly context?: string
  }[]
}

export interface SearchTables extends AsyncDisposable {
  insert(runs: readonly SampleRun[]): Promise<void>
  clear(): Promise<void>
  /** The rows of `SELECT what FROM the runs rest`. */
  select(
    what: RawBuilder<unknown>,
    rest: RawBuilder<unknown>,
  ): Promise<readonly Readonly<Record<string, unknown>>[]>
  /** The ids of the runs for which the condition holds, in the order of their insertion. */
  where(condition: RawBuilder<SqlBool>): Promise<readonly string[]>
}

const TABLES = [
  'CREATE TABLE q_runs (seq INTEGER PRIMARY KEY, id TEXT, name TEXT, phase TEXT, user_id TEXT, start_ms INTEGER, end_ms INTEGER)',
  'CREATE TABLE q_params (run INTEGER, key TEXT, value TEXT, PRIMARY KEY (run, key)) WITHOUT ROWID',
  'CREATE TABLE q_tags (run INTEGER, key TEXT, value TEXT, PRIMARY KEY (run, key)) WITHOUT ROWID',
  'CREATE TABLE q_metrics (run INTEGER, key TEXT, value REAL, PRIMARY KEY (run, key)) WITHOUT ROWID',
  'CREATE TABLE q_datasets (run INTEGER, position INTEGER, name TEXT, digest TEXT, context TEXT)',
]

const COLUMNS: Readonly<Record<string, string>> = {
  run_id: 'id',
  run_name: 'name',
  status: 'phase',
  user_id: 'user_id',
  start_time: 'start_ms',
  end_time: 'end_ms',
}

export const RUN_PLAN: ColumnPlan = {
  row: sql.ref('q_runs.seq'),
  reach(entity, key) {
    if (entity === 'attribute') {
      const column = sql.ref(`q_runs.${COLUMNS[key] ?? key}`)
      return key === 'end_time' ? { in: 'row', column, optional: true } : { in: 'row', column }
    }
    if (entity === 'dataset') return { in: 'table', table: 'q_datasets', owner: 'run', value: key }
    const table = { in: 'table', table: `q_${entity}s`, owner: 'run', key: 'key' } as const
    // One of the tables as if it had no index on values: both ways to ask are compared.
    return { ...table, value: 'value', ...(entity === 'tag' ? {} : { indexed: true }) }
  },
}

/** Tables like those of runs, in a real store. */
export async function openSearchTables(): Promise<SearchTables> {
  const store = await openTempStore()
  const { catalog } = store
  await catalog.write(async (tx) => {
    for (const table of TABLES) await sql.raw(table).execute(tx)
  })
  let lastSeq = 0
  async function select(
    what: RawBuilder<unknown>,
    rest: RawBuilder<unknown>,
  ): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const query = sql<Record<string, unknown>>`SELECT ${what} FROM q_runs ${rest}`
    return (await query.execute(catalog.read)).rows
  }
  return {
    select,
    async where(condition) {
      const rows = await select(sql`q_runs.id AS id`, sql`WHERE ${condition} ORDER BY q_runs.seq`)
      return rows.map(({ id }) => String(id))
    },
    insert: (runs) =>
      catalog.write(async (tx) => {
        for (const run of runs) for (const row of rowsOf(run, ++lastSeq)) await row.execute(tx)
      }),
    clear: () =>
      catalog.write(async (tx) => {
        for (const table of ['runs', 'params', 'tags', 'metrics', 'datasets'])
          await sql`DELETE FROM ${sql.table(`q_${table}`)}`.execute(tx)
      }),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

function* rowsOf(run: SampleRun, seq: number): Generator<RawBuilder<unknown>> {
  const { id, name = '', status = 'RUNNING', user = 'u', startMs = 0, endMs = null } = run
  yield sql`INSERT INTO q_runs VALUES (${seq}, ${id}, ${name}, ${status}, ${user}, ${startMs}, ${endMs})`
  for (const [key, value] of Object.entries(run.params ?? {}))
    yield sql`INSERT INTO q_params VALUES (${seq}, ${key}, ${value})`
  for (const [key, value] of Object.entries(run.tags ?? {}))
    yield sql`INSERT INTO q_tags VALUES (${seq}, ${key}, ${value})`
  for (const [key, value] of Object.entries(run.metrics ?? {}))
    yield sql`INSERT INTO q_metrics VALUES (${seq}, ${key}, ${Number.isNaN(value) ? null : value})`
  for (const [position, { name: dataset, digest, context = null }] of (
    run.datasets ?? []
  ).entries())
    yield sql`INSERT INTO q_datasets VALUES (${seq}, ${position}, ${dataset}, ${digest}, ${context})`
}

/** Seven runs; what MLflow finds among them, and in which order, is known by their letters. */
export const SEVEN: Readonly<Record<string, SampleRun>> = {
  A: {
    id: '13f18d0b7a3740899df23036b028f2d0',
    name: 'A',
    status: 'FINISHED',
    startMs: 10,
    endMs: 20,
    params: { p: 'abc', u: 'Äb', q: '' },
    tags: { t: 'x' },
    metrics: { m: 1 },
    datasets: [
      { name: 'd1', digest: 'g1', context: 'train' },
      { name: 'd2', digest: 'g2', context: 'test' },
    ],
  },
  b: {
    id: 'fc9b4cea44f74b4fb6bf1daa67d7e2f8',
    name: 'b',
    user: 'bob',
    startMs: 20,
    params: { p: 'ABC', u: 'äB', pc: '50%', us: 'a_b' },
    tags: { t: 'y' },
    metrics: { m: 2 },
    datasets: [{ name: 'd1', digest: 'g9', context: 'test' }],
  },
  c: {
    id: '7a0acbcef569480aa03661aef9502c4f',
    name: 'c',
    startMs: 30,
    params: { p: 'a%c', u: '日本', st: 'a*b?[c]' },
    metrics: { m: Number.NaN },
    datasets: [{ name: 'd3', digest: 'g3' }],
  },
  d: {
    id: '7830cc14413248bc8453d9f59c287aec',
    name: 'd',
    startMs: 30,
    metrics: { m: Number.MAX_VALUE },
  },
  e: {
    id: '0fa5cde60de748de8da15fef1aba37d6',
    name: 'e',
    startMs: 5,
    params: { p: 'a\nc' },
    tags: { t: '' },
    metrics: { m: -Number.MAX_VALUE, n: 3 },
  },
  f: { id: '99fbedbd733f44ed85983a1ec4b0eb62', name: 'f', startMs: 40 },
  g: {
    id: '477e96346240479789c6cc5ceb5c586e',
    name: 'unnamed-g',
    startMs: 50,
    metrics: { m: 0 },
  },
}

export function letterOf(id: unknown): string {
  return Object.keys(SEVEN).find((letter) => SEVEN[letter]?.id === id) ?? '?'
}
