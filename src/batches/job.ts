import { EndpointSpec } from '@gyre/sdk/wire/endpoint'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Sleep } from '../core/sleep.ts'
import type { HeldArm } from '../serve/held-arm.ts'
import type { Catalog, Tx } from '../store/catalog.ts'
import type { Runs } from '../store/runs.ts'
import {
  dropPrepared,
  getBatch,
  keepPrepared,
  keepShard,
  shardsOf,
  type BatchRow,
} from './batch-store.ts'
import { answerColumns, readRows } from './columns.ts'
import { openRows, prepareRows, type FileDeps } from './input-file.ts'
import { scoreShard, stretchesOf } from './shard.ts'

export interface JobDeps extends FileDeps {
  readonly catalog: Catalog
  readonly runs: Runs
  readonly sleep: Sleep
}

/**
 * Brings a batch to its end from wherever it is: whatever shard is in the catalog is done, all others are not. A shard
 * comes into it by one write, with which the run is seen to go on still. Throws CANCELLED when `signal` aborts; the
 * batch is then as another server, or nobody, goes on with it.
 */
export async function runJob(
  deps: JobDeps,
  ctx: Context,
  id: string,
  held: HeldArm,
  signal: AbortSignal,
): Promise<void> {
  const { catalog, runs, blobs } = deps
  const begun = await getBatch(catalog.read, ctx.project, id)
  const spec = EndpointSpec.parse(JSON.parse(begun.spec))
  const source = await openRows(deps, begun, spec)
  const reading = readRows(spec, held, source.columns, begun.at_column ?? undefined)
  const { file, rows } = await prepared()
  const done = new Set((await shardsOf(catalog.read, id)).map(({ shard }) => shard))
  for (const stretch of stretchesOf(rows, begun.shard_rows)) {
    if (done.has(stretch.shard)) continue
    const shardDeps = { ...deps, held, file, reading, atMs: begun.at_ms, signal }
    const stored = await scoreShard(shardDeps, stretch)
    await catalog.write(async (tx) => {
      await assertRunning(tx)
      await keepShard(tx, id, stored)
    })
  }
  await end()

  async function prepared(): Promise<{ readonly file: BatchFile; readonly rows: number }> {
    const { prepared_digest: kept, row_count: count } = begun
    if (kept !== null && count !== null) return { file: kept, rows: count }
    const made = await prepareRows(deps, source, signal)
    const columns = [...made.columns, ...answerColumns(held.answers)]
    await catalog.write(async (tx) => {
      await assertRunning(tx)
      await keepPrepared(tx, id, made, columns)
    })
    return { file: made.digest, rows: made.rows }
  }

  async function end(): Promise<void> {
    const shards = await shardsOf(catalog.read, id)
    const tree = await blobs.putTree(
      shards.map(({ shard, digest, bytes }) => ({
        path: shardName(shard),
        artifact: { digest, bytes, mediaType: 'application/vnd.apache.parquet' },
      })),
    )
    const failed = shards.reduce((sum, { failedRows }) => sum + failedRows, 0)
    await catalog.write(async (tx) => {
      const points = [
        { key: 'rows', value: rows },
        { key: 'failed_rows', value: failed },
      ]
      await runs.logMetrics(ctx, id, points, tx)
      const outputs = [{ ref: 'file:predictions', role: 'predictions', digest: tree.digest }]
      await runs.finish(ctx, id, { status: 'succeeded', outputs }, tx)
      await dropPrepared(tx, id)
    })
  }

  async function assertRunning(tx: Tx): Promise<void> {
    const { status } = await runs.get(ctx, id, tx)
    if (status !== 'running')
      throw new GyreError('CANCELLED', `the batch ${id} has ended: ${status}`)
  }
}

type BatchFile = NonNullable<BatchRow['prepared_digest']>

/** What a file of answers is called. */
function shardName(shard: number): string {
  return `part-${String(shard).padStart(5, '0')}.parquet`
}
