import type { Batch, StartBatch } from '@gyre/sdk/wire/batch'
import { vi } from 'vitest'
import { fakeClock } from '../core/clock.ts'
import type { Digest } from '../core/digest.ts'
import { silentLog } from '../core/log.ts'
import { systemSleep } from '../core/sleep.ts'
import type { InferDeps } from '../infer/infer.ts'
import { ctx, NOW, openServe, type ServeBench } from '../serve/fixture.ts'
import type { Serve } from '../serve/serve.ts'
import { sqlText, type Row } from '../store/analytics.ts'
import { createBatches, type Batches } from './batches.ts'

/** As long as a loaded machine may take for some hundred rows. */
const PATIENCE = { timeout: 60_000, interval: 20 }

export interface BatchBench extends AsyncDisposable {
  readonly serving: ServeBench
  readonly batches: Batches
  /** The batches of another server over the same store; asks `serve` in the place of the bench's own. */
  open(serve?: Pick<Serve, 'hold'>): Batches
  text(csv: string): Promise<Digest>
  /** What a query answers, as a Parquet file. */
  parquet(sql: string): Promise<Digest>
  start(digest: Digest, change?: Partial<StartBatch>, endpoint?: string): Promise<Batch>
  /** The batch, once it has ended. */
  ended(id: string): Promise<Batch>
  /** The rows of all its shards, in their order. */
  answers(id: string): Promise<readonly Row[]>
}

/** Batches over serving that is real, with version 1 of the flight model stable at endpoint `delay`. */
export async function openBatches(infer: Partial<InferDeps> = {}): Promise<BatchBench> {
  const serving = await openServe(infer)
  const { store, routes } = serving
  await serving.route('delay', { stable: 'model:delay@1' })
  const opened: Batches[] = []
  function open(serve: Pick<Serve, 'hold'> = serving.serve): Batches {
    const clock = fakeClock(NOW)
    const deps = { ...store, routes, serve, clock, log: silentLog, sleep: systemSleep }
    const batches = createBatches(deps)
    opened.push(batches)
    return batches
  }
  const batches = open()
  return {
    serving,
    batches,
    open,
    text: async (csv) => (await store.blobs.put(Buffer.from(csv))).digest,
    async parquet(sql) {
      const path = store.blobs.newTempPath()
      await store.analytics.exec(`COPY (${sql}) TO ${sqlText(path)} (FORMAT parquet)`)
      return (await store.blobs.adopt(path)).digest
    },
    start: (digest, change = {}, endpoint = 'delay') =>
      batches.start(ctx, endpoint, {
        digest,
        name: 'flights.parquet',
        format: 'parquet',
        shardRows: 50_000,
        ...change,
      }),
    ended: (id) =>
      vi.waitFor(async () => {
        const batch = await batches.get(ctx, id)
        if (batch.status === 'running') throw new Error(`${id} still runs`)
        return batch
      }, PATIENCE),
    async answers(id) {
      const shards = await batches.shards(ctx, id, -1, 1_000)
      const rows: Row[] = []
      for (const { digest } of shards)
        rows.push(
          ...(await store.analytics.query(
            `SELECT * FROM read_parquet(${sqlText(store.blobs.pathOf(digest))})`,
          )),
        )
      return rows
    },
    async [Symbol.asyncDispose]() {
      for (const each of opened) await each.close()
      await serving[Symbol.asyncDispose]()
    },
  }
}
