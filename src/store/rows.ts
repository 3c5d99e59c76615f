import type { Readable } from 'node:stream'
import type { Kysely } from 'kysely'
import type { Tables } from './schema.ts'

/** How a stream keeps its rows, and what they hold. */
export interface StreamOptions {
  /** `fsync`: `append` resolves when the rows are on the disk. `deferred`: at once; they are on the disk within a second. */
  readonly durability: 'fsync' | 'deferred'
  /** Column name → DuckDB type; timestamps are given as ISO text or as a `Date`. Columns may be added later, never retyped. */
  readonly columns: Readonly<Record<string, string>>
  /** A segment becomes Parquet past this size; 64 MiB unless told. */
  readonly rollBytes?: number
  /** … or past this number of rows; 500,000 unless told. */
  readonly rollRows?: number
}

/** A `FROM`-able piece of DuckDB SQL, good until released. */
export interface RowSource {
  /** Parenthesised: `SELECT … FROM ${source.sql} AS p`. */
  readonly sql: string
  /** Lets the files go; call it in `finally`. */
  release(): void
}

/** Append-only records of one shape. */
export interface RowStream {
  readonly name: string
  /** Members beyond `columns` are refused with INVALID_ARGUMENT; missing ones are NULL. Errors: DISK_FULL, OVERLOADED (`fsync`). */
  append(rows: readonly object[]): Promise<void>
  /** Rows a `deferred` stream has lost since it was opened: its buffer was full or the disk refused. */
  dropped(): number
  /** Resolves when every row appended so far is on the disk. */
  flush(): Promise<void>
  /** Every row appended before the call, and perhaps some after it. */
  sql(): Promise<RowSource>
}

/** A file of rows as it stood at one instant. */
export interface RowFile {
  /** `predictions/seg_0jx3….ndjson` */
  readonly path: string
  readonly bytes: number
  /** The first `bytes` of it. */
  read(): Readable
}

/** All rows as of one instant: of those that come in later nothing is seen. */
export interface HeldRows {
  /** Lets rows be written again. Until then appends wait: choose the commit of the catalog, and call it. */
  resume(): void
  /** The files that a snapshot of the catalog names, when it was taken between the hold and `resume`; by path. */
  files(db: Kysely<Tables>): Promise<readonly RowFile[]>
  /** Lets the files go, and resumes if nobody has. */
  release(): Promise<void>
}

/** Traffic: predictions, feedback, spans, metric points. */
export interface Rows {
  readonly driver: string
  /** The stream of that name, made on its first append. Asking twice gives the same stream. */
  stream(name: string, options: StreamOptions): RowStream
  /** Turns the rows so far into Parquet now, without waiting for the roll size. */
  roll(name: string): Promise<void>
  /** Puts every row appended so far on the disk, and holds what comes next. Throws CONFLICT until the hold before is resumed. */
  hold(): Promise<HeldRows>
  /** Flushes every stream and waits for the rolls under way. */
  close(): Promise<void>
}
