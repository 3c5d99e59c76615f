import {
  DuckDBInstance,
  JSDuckDBValueConverter,
  type DuckDBConnection,
  type DuckDBDataChunk,
  type DuckDBResult,
} from '@duckdb/node-api'
import { GyreError } from '../../core/errors.ts'
import {
  sqlText,
  type Analytics,
  type AnalyticsOptions,
  type Cell,
  type Parameter,
  type Row,
} from '../analytics.ts'
import { withDeadline } from '../deadline.ts'
import { createPool } from '../pool.ts'
import { toColumns } from './duckdb-columns.ts'
import { cancelledError, duckdbError } from './duckdb-error.ts'
import { toCell, toTypedValue } from './duckdb-values.ts'

/** One long query must not keep short ones waiting; more connections would only share the same cores. */
const CONNECTIONS = 2

/** Queries waiting for a connection. */
const MAX_QUEUED = 256

/** An object a row costs ~1 kB in all; whoever wants more takes `columns` or `COPY`. */
const MAX_ROWS = 1_000_000

const INTERRUPT_MS = 20

/**
 * DuckDB guesses few rows behind an NDJSON file and joins them in a loop: forty seconds for a join that takes
 * a fifth of one.
 */
const NO_LOOP_JOINS =
  'SET GLOBAL asof_loop_join_threshold = 0; SET GLOBAL nested_loop_join_threshold = 0;'

/** Opens DuckDB in this very process. */
export async function openDuckDb(options: AnalyticsOptions): Promise<Analytics> {
  const instance = await DuckDBInstance.create(':memory:', {
    memory_limit: `${options.memoryMb}MB`,
    temp_directory: options.tempFolder,
    autoload_known_extensions: 'false',
    autoinstall_known_extensions: 'false',
    ...(options.threads === undefined ? {} : { threads: String(options.threads) }),
  })
  const connections = await Promise.all(
    Array.from({ length: CONNECTIONS }, () => instance.connect()),
  )
  await connections[0]?.run(settings(options))
  const pool = createPool(connections, MAX_QUEUED)

  function onConnection<T>(
    work: (connection: DuckDBConnection, signal: AbortSignal) => Promise<T>,
    { signal, timeoutMs }: { signal?: AbortSignal; timeoutMs?: number } = {},
  ): Promise<T> {
    return withDeadline({ signal, timeoutMs }, (until) =>
      pool.use(until, (connection) => interruptible(connection, until, work)),
    )
  }

  return {
    query: (sql, params = [], queryOptions) =>
      onConnection(async (connection, signal) => {
        const { result, chunks } = await fetch(connection, sql, params, signal, MAX_ROWS)
        return toRows(result, chunks)
      }, queryOptions),
    columns: (sql, params = [], queryOptions) =>
      onConnection(async (connection, signal) => {
        const { result, chunks } = await fetch(connection, sql, params, signal)
        return toColumns(result, chunks)
      }, queryOptions),
    exec: (sql, queryOptions) =>
      onConnection(async (connection) => void (await connection.run(sql)), queryOptions),
    async close() {
      await pool.close()
      for (const connection of connections) connection.closeSync()
      instance.closeSync()
    },
  }
}

/** After these no query can reach another file, load code, or change the settings back. */
function settings({ folders, tempFolder }: AnalyticsOptions): string {
  const allowed = [...folders, tempFolder].map(sqlText).join(', ')
  return `SET TimeZone = 'UTC'; ${NO_LOOP_JOINS} SET allowed_directories = [${allowed}];
    SET enable_external_access = false; SET lock_configuration = true;`
}

async function interruptible<T>(
  connection: DuckDBConnection,
  signal: AbortSignal,
  work: (connection: DuckDBConnection, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (signal.aborted) throw cancelledError()
  // DuckDB forgets an interrupt that comes while it still plans the query: say it until it is heard.
  let repeat: NodeJS.Timeout | undefined
  const interrupt = () => {
    connection.interrupt()
    repeat = setInterval(() => connection.interrupt(), INTERRUPT_MS)
  }
  signal.addEventListener('abort', interrupt)
  try {
    return await work(connection, signal)
  } catch (error) {
    throw signal.aborted ? cancelledError() : duckdbError(error)
  } finally {
    clearInterval(repeat)
    signal.removeEventListener('abort', interrupt)
  }
}

async function fetch(
  connection: DuckDBConnection,
  sql: string,
  params: readonly Parameter[],
  signal: AbortSignal,
  maxRows = Number.POSITIVE_INFINITY,
): Promise<{ result: DuckDBResult; chunks: readonly DuckDBDataChunk[] }> {
  const typed = params.map(toTypedValue)
  const result = await connection.stream(
    sql,
    typed.map(({ value }) => value),
    typed.map(({ type }) => type),
  )
  const chunks: DuckDBDataChunk[] = []
  for (let rows = 0; ;) {
    const chunk = await result.fetchChunk()
    if (!chunk || chunk.rowCount === 0) return { result, chunks }
    if (signal.aborted) throw cancelledError()
    chunks.push(chunk)
    rows += chunk.rowCount
    if (rows > maxRows)
      throw new GyreError('TOO_LARGE', `the query answers more than ${maxRows} rows`, { maxRows })
  }
}

function toRows(result: DuckDBResult, chunks: readonly DuckDBDataChunk[]): Row[] {
  const names = result.deduplicatedColumnNames()
  const rows: Record<string, Cell>[] = []
  for (const chunk of chunks) {
    const first = rows.length
    for (let row = 0; row < chunk.rowCount; row++) rows.push({})
    for (const [column, name] of names.entries())
      for (const [i, value] of chunk
        .convertColumnValues(column, JSDuckDBValueConverter)
        .entries()) {
        const row = rows[first + i]
        if (row) row[name] = toCell(value)
      }
  }
  return rows
}
