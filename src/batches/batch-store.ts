import type { Batch, BatchColumn, BatchShard } from '@gyre/sdk/wire/batch'
import { BatchColumn as Column } from '@gyre/sdk/wire/batch'
import type { Run } from '@gyre/sdk/wire/run'
import { sql } from 'kysely'
import { z } from 'zod'
import { GyreError } from '../core/errors.ts'
import type { Tx } from '../store/catalog.ts'
import type { Tables } from '../store/schema.ts'
import type { PreparedFile } from './input-file.ts'
import type { StoredShard } from './shard.ts'

export type BatchRow = Tables['batches']

/** Throws NOT_FOUND. */
export async function getBatch(db: Tx, project: string, id: string): Promise<BatchRow> {
  const row = await db
    .selectFrom('batches')
    .selectAll()
    .where('project', '=', project)
    .where('run_id', '=', id)
    .executeTakeFirst()
  if (!row) throw new GyreError('NOT_FOUND', `no batch ${id}`, { id })
  return row
}

/** Those of every project that no server has brought to an end, oldest first, and who began them. */
export async function unfinished(
  db: Tx,
): Promise<readonly Pick<BatchRow & Tables['runs'], 'run_id' | 'project' | 'actor'>[]> {
  return db
    .selectFrom('batches')
    .innerJoin('runs', 'runs.id', 'batches.run_id')
    .select(['batches.run_id', 'batches.project', 'runs.actor'])
    .where('runs.status', '=', 'running')
    .orderBy('runs.seq')
    .execute()
}

export async function keepPrepared(
  tx: Tx,
  id: string,
  { digest, rows }: PreparedFile,
  columns: readonly BatchColumn[],
): Promise<void> {
  await tx
    .updateTable('batches')
    .set({ prepared_digest: digest, row_count: rows, columns: JSON.stringify(columns) })
    .where('run_id', '=', id)
    .execute()
}

/** The prepared file is of no use any more. */
export async function dropPrepared(tx: Tx, id: string): Promise<void> {
  await tx.updateTable('batches').set({ prepared_digest: null }).where('run_id', '=', id).execute()
}

export async function keepShard(tx: Tx, id: string, stored: StoredShard): Promise<void> {
  const { shard, firstRow, rows, failedRows, artifact } = stored
  await tx
    .insertInto('batch_shards')
    .values({
      run_id: id,
      shard,
      first_row: firstRow,
      row_count: rows,
      failed_rows: failedRows,
      digest: artifact.digest,
      bytes: artifact.bytes,
    })
    .execute()
}

/** In their order, those behind `after`. */
export async function shardsOf(
  db: Tx,
  id: string,
  after = -1,
  limit = Number.MAX_SAFE_INTEGER,
): Promise<readonly BatchShard[]> {
  const rows = await db
    .selectFrom('batch_shards')
    .selectAll()
    .where('run_id', '=', id)
    .where('shard', '>', after)
    .orderBy('shard')
    .limit(limit)
    .execute()
  return rows.map(({ shard, first_row, row_count, failed_rows, digest, bytes }) => ({
    shard,
    firstRow: first_row,
    rows: row_count,
    failedRows: failed_rows,
    digest,
    bytes,
  }))
}

/** A batch as its clients see it. */
export async function toBatch(db: Tx, row: BatchRow, run: Run): Promise<Batch> {
  const { done, failed, shards } = await db
    .selectFrom('batch_shards')
    .select(({ fn }) => [
      sql<number>`coalesce(sum(row_count), 0)`.as('done'),
      sql<number>`coalesce(sum(failed_rows), 0)`.as('failed'),
      fn.countAll<number>().as('shards'),
    ])
    .where('run_id', '=', row.run_id)
    .executeTakeFirstOrThrow()
  return {
    id: row.run_id,
    endpoint: row.endpoint,
    model: row.model,
    status: run.status,
    input: { name: row.name, digest: row.digest, format: row.format },
    at: row.at_column,
    shardRows: row.shard_rows,
    rows: row.row_count,
    done,
    failedRows: failed,
    shards,
    columns: row.columns === null ? null : z.array(Column).parse(JSON.parse(row.columns)),
    startedAt: run.startedAt,
    endedAt: run.endedAt,
    error: run.error,
  }
}
