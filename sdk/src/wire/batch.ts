import { z } from 'zod'
import { DigestText } from './ref.ts'
import { RunError, RunStatus } from './run.ts'

/** A file of rows for an endpoint, whose bytes are stored already. */
export const StartBatch = z.strictObject({
  digest: DigestText,
  /** What the file is called where it comes from; lineage names it so. */
  name: z.string().min(1).max(500),
  format: z.enum(['parquet', 'csv']),
  /** Rows of each file of answers. */
  shardRows: z.int().min(1).max(1_000_000).default(50_000),
  /** The column that holds each row's event time; the start of the job where there is none. */
  at: z.exactOptional(z.string().min(1)),
})
export type StartBatch = z.infer<typeof StartBatch>

/** A column of the answers, by DuckDB's name of its type. */
export const BatchColumn = z.strictObject({ name: z.string(), type: z.string() })
export type BatchColumn = z.infer<typeof BatchColumn>

/** A file of rows on its way through one version of a model. */
export const Batch = z.strictObject({
  /** Of its run. */
  id: z.string(),
  endpoint: z.string(),
  /** Answers every row, whatever is released meanwhile. */
  model: z.string(),
  status: RunStatus,
  input: z.strictObject({ name: z.string(), digest: z.string(), format: z.string() }),
  at: z.string().nullable(),
  shardRows: z.int(),
  /** Of the file; null until it has been read through once. */
  rows: z.int().nullable(),
  /** Rows that are in a finished shard, and how many of them have an error for an answer. */
  done: z.int(),
  failedRows: z.int(),
  shards: z.int(),
  /** Of every shard; null until the file has been read through once. */
  columns: z.array(BatchColumn).nullable(),
  startedAt: z.string(),
  endedAt: z.string().nullable(),
  error: RunError.nullable(),
})
export type Batch = z.infer<typeof Batch>

/** Answers to rows that follow each other in the file, in Parquet. */
export const BatchShard = z.strictObject({
  shard: z.int(),
  /** The first of its rows in the file, from 0. */
  firstRow: z.int(),
  rows: z.int(),
  failedRows: z.int(),
  digest: DigestText,
  bytes: z.int(),
})
export type BatchShard = z.infer<typeof BatchShard>
