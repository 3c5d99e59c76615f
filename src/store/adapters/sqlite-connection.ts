import type { Database, Statement } from './sqlite-binding.ts'
import type { SqlResult, SqlValue } from './sqlite-protocol.ts'

/** Rooms hold some hundred distinct statements; a prepared one takes a few kB. */
const MAX_PREPARED = 512

interface Prepared {
  readonly statement: Statement
  readonly columns: readonly string[]
}

/** Executes SQL on one connection, keeping what it has prepared. Throws the binding's errors. */
export type Execute = (sql: string, params: readonly SqlValue[]) => SqlResult

export function createExecute(database: Database): Execute {
  const prepared = new Map<string, Prepared>()

  function prepare(sql: string): Prepared {
    const known = prepared.get(sql)
    if (known) return known
    const statement = database.prepare(sql)
    const columns = statement.columns().map((column) => column.name)
    if (columns.length > 0) statement.setReturnArrays(true)
    const [oldest] = prepared.keys()
    if (prepared.size >= MAX_PREPARED && oldest !== undefined) prepared.delete(oldest)
    const fresh = { statement, columns }
    prepared.set(sql, fresh)
    return fresh
  }

  return (sql, params) => {
    const { statement, columns } = prepare(sql)
    if (columns.length > 0)
      return { columns, rows: statement.all(...params.map(bindable)), changes: undefined }
    return { columns, rows: [], changes: statement.run(...params.map(bindable)).changes }
  }
}

/**
 * @photostructure/sqlite 1.2.1 binds a positive number below 2⁻⁵² as the integer 0 (it takes it for a whole
 * number). As text SQLite turns it into the same double, in a REAL column and in a comparison with one.
 */
function bindable(value: SqlValue): SqlValue {
  return typeof value === 'number' && value > 0 && value < Number.EPSILON ? String(value) : value
}
