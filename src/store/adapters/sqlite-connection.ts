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
    const bound = params.map(bindable)
    if (columns.length > 0) return { columns, rows: rowsOf(statement, bound), changes: undefined }
    return { columns, rows: [], changes: statement.run(...bound).changes }
  }
}

/** Rows of one statement, taken some at a time. */
export interface Cursor {
  /** Held here: the binding's iterator points at it, and does not keep it from being collected. */
  readonly statement: Statement
  /** Fewer than `most` at the end, and none after it. */
  next(most: number): SqlResult
  end(): void
}

export function openCursor(database: Database, sql: string, params: readonly SqlValue[]): Cursor {
  const statement = database.prepare(sql)
  const columns = statement.columns().map((column) => column.name)
  statement.setReturnArrays(true)
  statement.setReadBigInts(true)
  const rows: Iterator<SqlValue[]> = statement.iterate(...params.map(bindable))
  let ended = false
  return {
    statement,
    next(most) {
      const page: SqlValue[][] = []
      while (!ended && page.length < most) {
        const { done, value } = rows.next()
        if (done) ended = true
        else page.push(value.map(exact))
      }
      return { columns, rows: page, changes: undefined }
    },
    end() {
      if (!ended) rows.return?.()
      ended = true
    },
  }
}

/** The binding's sentence for an integer that no double holds. */
const TOO_LARGE = /too large to be represented as a JavaScript number/

/** Rows whose integers are numbers where that is exact, else bigints; only the latter are read twice. */
function rowsOf(statement: Statement, bound: readonly SqlValue[]): SqlResult['rows'] {
  try {
    return statement.all(...bound)
  } catch (error) {
    if (!(error instanceof Error) || !TOO_LARGE.test(error.message)) throw error
  }
  statement.setReadBigInts(true)
  try {
    const rows: SqlValue[][] = statement.all(...bound)
    return rows.map((row) => row.map(exact))
  } finally {
    statement.setReadBigInts(false)
  }
}

function exact(value: SqlValue): SqlValue {
  if (typeof value !== 'bigint') return value
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

/**
 * @photostructure/sqlite 1.2.1 binds a positive number below 2⁻⁵² as the integer 0 (it takes it for a whole
 * number). As text SQLite turns it into the same double, in a REAL column and in a comparison with one.
 */
function bindable(value: SqlValue): SqlValue {
  return typeof value === 'number' && value > 0 && value < Number.EPSILON ? String(value) : value
}
