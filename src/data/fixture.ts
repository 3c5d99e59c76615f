import type { DatasetSpec } from '@gyre/sdk/wire/dataset'
import { fakeClock, type Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import type { Digest } from '../core/digest.ts'
import { sqlText } from '../store/analytics.ts'
import { openTempStore, type TempStore } from '../store/fixture.ts'
import { createData, type Data } from './data.ts'

export const ctx: Context = { project: 'default', actor: 'local', requestId: 'req_1' }

export interface DataBench extends AsyncDisposable {
  readonly store: TempStore
  readonly data: Data
  /** Stores a text file (CSV, JSON lines). */
  upload(file: string | Uint8Array): Promise<Digest>
  /** Stores what a query answers as a Parquet file. */
  uploadSql(sql: string): Promise<Digest>
}

/** The data room over a real store of its own. */
export async function openDataBench(clock: Clock = fakeClock()): Promise<DataBench> {
  const store = await openTempStore(clock)
  return {
    store,
    data: createData({ ...store, clock }),
    upload: async (file) => (await store.blobs.put(Buffer.from(file))).digest,
    async uploadSql(sql) {
      const path = store.blobs.newTempPath()
      await store.analytics.exec(`COPY (${sql}) TO ${sqlText(path)} (FORMAT parquet)`)
      return (await store.blobs.adopt(path)).digest
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

/** A spec of a CSV file, unless changed. */
export function csvSpec(
  columns: DatasetSpec['columns'],
  change: Partial<DatasetSpec> = {},
): DatasetSpec {
  return { name: 'flights', source: { format: 'csv', path: 'flights.csv' }, columns, ...change }
}
