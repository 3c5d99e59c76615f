/** What a query may be given. Arrays become lists. */
export type Parameter =
  | string
  | number
  | bigint
  | boolean
  | null
  | Date
  | readonly (string | number | bigint | boolean | null)[]

/** What a query answers: big integers as numbers where safe, timestamps and dates as epoch ms, blobs as bytes. */
export type Cell =
  | string
  | number
  | bigint
  | boolean
  | null
  | Uint8Array
  | readonly Cell[]
  | { readonly [key: string]: Cell }

export type Row = Readonly<Record<string, Cell>>

/** Distinct strings and, per row, which one. */
export interface StringDictionary {
  readonly keys: readonly string[]
  readonly index: Int32Array
}

interface ColumnHead {
  readonly name: string
  /** DuckDB's type: `BIGINT`, `TIMESTAMP`. */
  readonly type: string
  /** 1 = present, 0 = NULL; left out when no value is NULL. A NULL's slot holds 0. */
  readonly valid?: Uint8Array
}

/** Booleans and integers to 32 bits. */
export interface IntColumn extends ColumnHead {
  readonly kind: 'int'
  readonly values: Int32Array
}

/** Wider integers, decimals and floats; timestamps and dates as epoch ms. */
export interface FloatColumn extends ColumnHead {
  readonly kind: 'float'
  readonly values: Float64Array
}

export interface TextColumn extends ColumnHead {
  readonly kind: 'text'
  readonly values: StringDictionary
}

export type Column = IntColumn | FloatColumn | TextColumn

/** A result by column: the shape that crosses a process at memory speed. */
export interface Columns {
  readonly rowCount: number
  readonly columns: readonly Column[]
}

export interface QueryOptions {
  /** Interrupts the query; the call rejects with CANCELLED. */
  readonly signal?: AbortSignal
  /** TIMEOUT after this long in the queue and in DuckDB together; 10 minutes unless told. */
  readonly timeoutMs?: number
}

/** How much DuckDB may take, and what it may touch. */
export interface AnalyticsOptions {
  readonly memoryMb: number
  /** Spills of large sorts and joins. */
  readonly tempFolder: string
  /** One per core unless told. */
  readonly threads?: number
  /** The only folders whose files a query can read or write. */
  readonly folders: readonly string[]
}

/**
 * SQL over files, in DuckDB. Calls run in parallel on a few connections of one in-memory database, so that a
 * TEMP table is seen by nobody else; only the allowed folders can be read or written. Errors: INVALID_ARGUMENT
 * with DuckDB's message, OVERLOADED (queue full), UNAVAILABLE (the process died), TIMEOUT, CANCELLED.
 */
export interface Analytics {
  query(sql: string, params?: readonly Parameter[], options?: QueryOptions): Promise<Row[]>
  columns(sql: string, params?: readonly Parameter[], options?: QueryOptions): Promise<Columns>
  /** One or more statements on one connection, for their effect. */
  exec(sql: string, options?: QueryOptions): Promise<void>
  close(): Promise<void>
}

/** `'it''s'`: text as a SQL literal, for the places that take no parameter (`COPY … TO`). */
export function sqlText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** `"a ""b"""`: a column or table name in SQL. */
export function sqlName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
