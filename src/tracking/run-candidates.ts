import { sql, type RawBuilder, type SqlBool } from 'kysely'
import type { Tx } from '../store/catalog.ts'
import type { Clause } from '../store/search/filter-clause.ts'
import { filterSql, rowsOfClause } from '../store/search/filter-sql.ts'
import type { OrderKey } from '../store/search/search-dialect.ts'
import { RUN_PLAN } from './run-plan.ts'

/** Where a search begins. */
export interface Candidates {
  readonly areFew: boolean
  /** `runs`, or as many of them as one clause leaves. */
  readonly source: RawBuilder<unknown>
  readonly where: RawBuilder<SqlBool>
}

export interface Asked {
  readonly order: readonly OrderKey[]
  readonly clauses: readonly Clause[]
  /** Runs of the experiments. */
  readonly listed: RawBuilder<SqlBool>
  readonly few: number
}

/** Clauses that are asked how many runs they leave; of a longer filter the first ones. */
const MOST_COUNTED = 8

/** The clause that leaves few runs, or the experiments where they hold few; else all runs of the experiments. */
export async function candidatesOf(
  db: Tx,
  { order, clauses, listed, few }: Asked,
): Promise<Candidates> {
  const all = { areFew: false, source: sql`runs`, where: filterSql(clauses, RUN_PLAN) }
  const narrow = clauses
    .flatMap((clause) => {
      const rows = rowsOfClause(clause, RUN_PLAN)
      return rows ? [{ clause, rows }] : []
    })
    .slice(0, MOST_COUNTED)
  if (narrow.length === 0 && order[0]?.entity === 'attribute') return all
  const lists = [sql`SELECT 1 FROM runs WHERE ${listed}`, ...narrow.map(({ rows }) => rows)]
  const [inExperiments = 0, ...counts] = await countUpTo(db, few + 1, lists)
  const least = Math.min(few, ...counts)
  const chosen = narrow[counts.indexOf(least)]
  if (chosen === undefined || inExperiments < least) return { ...all, areFew: inExperiments <= few }
  const others = clauses.filter((clause) => clause !== chosen.clause)
  return {
    areFew: true,
    // NOT INDEXED leaves SQLite the list to begin with; without it it reads all runs of the experiments.
    source: sql`runs NOT INDEXED`,
    where: sql`runs.seq IN (${chosen.rows}) AND ${filterSql(others, RUN_PLAN)}`,
  }
}

/** How many rows each of the lists has, `most` where it has more. */
async function countUpTo(
  db: Tx,
  most: number,
  lists: readonly RawBuilder<unknown>[],
): Promise<readonly number[]> {
  const counts = lists.map((list) => sql`(SELECT count(*) FROM (${list} LIMIT ${most}))`)
  const { rows } = await sql<{ count: number }>`
    ${sql.join(
      counts.map((count, i) => sql`SELECT ${sql.lit(i)} AS list, ${count} AS count`),
      sql` UNION ALL `,
    )}
    ORDER BY list`.execute(db)
  return rows.map(({ count }) => count)
}
