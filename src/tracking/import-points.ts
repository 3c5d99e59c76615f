import { crc32 } from 'node:zlib'
import type { ImportOutcome, ImportPoints } from '@gyre/sdk/wire/import'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Tx } from '../store/catalog.ts'
import { decodePoints, POINT_BYTES } from '../store/metric-chunks.ts'
import { logToRun } from '../store/run-metrics.ts'
import { labelFault } from '../core/import-outcome.ts'

/**
 * Adds points to runs that were imported, each stretch where the one before it ended. Throws NOT_FOUND for a run that
 * was not imported, INVALID_ARGUMENT, and CONFLICT where points would be missing or twice.
 */
export async function importPoints(
  tx: Tx,
  ctx: Context,
  { run, key, from, points }: ImportPoints,
): Promise<ImportOutcome> {
  const fault = labelFault({ key, value: '' })
  if (fault !== undefined) throw new GyreError('INVALID_ARGUMENT', fault)
  const bytes = Buffer.from(points, 'base64')
  if (bytes.length === 0 || bytes.length % POINT_BYTES !== 0)
    throw new GyreError('INVALID_ARGUMENT', `expected ${POINT_BYTES} bytes a point`)
  const seq = await importedRun(tx, ctx, run)
  const before = await tx
    .selectFrom('run_import_series')
    .select(['points', 'crc'])
    .where('run', '=', seq)
    .where('key', '=', key)
    .executeTakeFirst()
  const { points: count, crc } = before ?? { points: 0, crc: 0 }
  if (from !== count)
    throw new GyreError('CONFLICT', `${count} of its points are here, not ${from}`, { key, count })
  const added = decodePoints(bytes).map((point) => ({ key, ...point }))
  await logToRun(tx, ctx, run, { points: added })
  const now = { points: count + added.length, crc: crc32(bytes, crc) }
  await tx
    .insertInto('run_import_series')
    .values({ run: seq, key, ...now })
    .onConflict((conflict) => conflict.columns(['run', 'key']).doUpdateSet(now))
    .execute()
  return 'imported'
}

async function importedRun(tx: Tx, { project }: Context, id: string): Promise<number> {
  const row = await tx
    .selectFrom('runs')
    .innerJoin('run_imports', 'run_imports.run', 'runs.seq')
    .select('seq')
    .where('project', '=', project)
    .where('id', '=', id)
    .executeTakeFirst()
  if (!row) throw new GyreError('NOT_FOUND', `no run ${id} was imported`, { run: id })
  return row.seq
}
