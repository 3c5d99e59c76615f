import {
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
} from 'kysely'
import { GyreError } from '../../core/errors.ts'
import { CallParameter, type ProcedureCall } from '../procedure.ts'
import type { SqlResult, SqlValue } from './sqlite-protocol.ts'

/** Rows of a stream that cross from the thread in one message, where the reader does not say. */
const STREAMED_ROWS = 1_000

/** Sends one statement to the thread that owns the database. */
export type Execute = (sql: string, params: readonly SqlValue[]) => Promise<SqlResult>

/** Gives the rows of one statement some at a time. */
export type Pages = (
  sql: string,
  params: readonly SqlValue[],
  most: number,
) => AsyncIterable<SqlResult>

/** Has a procedure run by that thread; gives what it returns. */
export type Call = (call: ProcedureCall) => Promise<unknown>

/** Kysely over functions: transactions belong to `catalog.write`, so those of Kysely are refused. */
export function sqliteDialect(execute: Execute, call: Call, pages?: Pages): Dialect {
  const connection: DatabaseConnection = {
    async executeQuery<R>(query: {
      readonly sql: string
      readonly parameters: readonly unknown[]
    }) {
      const [first] = query.parameters
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- R is the result of this very procedure
      if (first instanceof CallParameter) return { rows: [(await call(first.call)) as R] }
      const result = await execute(query.sql, query.parameters.map(toSqlValue))
      return toQueryResult<R>(result)
    },
    async *streamQuery<R>({ sql, parameters }: CompiledQuery, most = STREAMED_ROWS) {
      if (!pages) return refuse('streaming: read a page at a time, or a snapshot')
      for await (const page of pages(sql, parameters.map(toSqlValue), most))
        yield toQueryResult<R>(page)
    },
  }
  const driver: Driver = {
    init: async () => {},
    acquireConnection: async () => connection,
    releaseConnection: async () => {},
    destroy: async () => {},
    beginTransaction: async () => refuse('transactions of its own: use catalog.write'),
    commitTransaction: async () => refuse('transactions of its own'),
    rollbackTransaction: async () => refuse('transactions of its own'),
  }
  return {
    createDriver: () => driver,
    createAdapter: () => new SqliteAdapter(),
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createIntrospector: (db) => new SqliteIntrospector(db),
  }
}

function toQueryResult<R>({ columns, rows, changes }: SqlResult): QueryResult<R> {
  const objects = rows.map((row) => {
    const object: Record<string, SqlValue> = {}
    for (const [i, name] of columns.entries()) object[name] = row[i] ?? null
    return object
  })
  return {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- R is what Kysely derived from this very SQL
    rows: objects as R[],
    ...(changes === undefined ? {} : { numAffectedRows: BigInt(changes) }),
  }
}

function toSqlValue(value: unknown, index: number): SqlValue {
  if (value === null || value instanceof Uint8Array) return value
  // SQLite's functions end a text at its first NUL, and Postgres takes none at all.
  if (typeof value === 'string' && value.includes('\0'))
    throw new GyreError('INVALID_ARGUMENT', 'a text holds a NUL character')
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint')
    return value
  if (typeof value === 'boolean') return value ? 1 : 0
  throw new GyreError(
    'INTERNAL',
    `SQL parameter ${index + 1}: expected text, a number, bytes or null, got ${typeof value}`,
  )
}

function refuse(what: string): never {
  throw new GyreError('INTERNAL', `the catalog has no ${what}`)
}
