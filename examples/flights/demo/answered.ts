import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { GyreClient } from '@gyre/sdk/client'
import { z } from 'zod'
import { ENDPOINT } from './gyre.ts'
import type { Answered } from './replay.ts'
import { readColumns } from './rows.ts'

const Columns = z.tuple([
  z.array(z.string()),
  z.array(z.number()),
  z.array(z.number()),
  z.array(z.boolean()),
])

/** Flights that an earlier, interrupted replay has asked about, from Gyre's own export. */
export async function readAnswered(client: GyreClient): Promise<{
  readonly answered: ReadonlyMap<number, Answered>
  readonly latestMs: number | undefined
}> {
  const folder = await mkdtemp(join(tmpdir(), 'flights-'))
  const file = join(folder, 'predictions.parquet')
  try {
    const path = `/api/v1/endpoints/${ENDPOINT}/predictions.parquet`
    await pipeline(await client.download(path), createWriteStream(file))
    const sql = `SELECT id, CAST(subject AS DOUBLE), CAST(epoch_ms("at") AS DOUBLE), label IS NOT NULL
      FROM read_parquet($file) WHERE status = 'ok'`
    const [ids, flights, ats, labelled] = Columns.parse(await readColumns(sql, { file }))
    const answered = flights.map(
      (flight, row) =>
        [flight, { id: ids[row] ?? '', isLabelled: labelled[row] === true }] as const,
    )
    const latestMs = ats.length === 0 ? undefined : ats.reduce((a, b) => Math.max(a, b))
    return { answered: new Map(answered), latestMs }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
