import { Artifact } from '@gyre/sdk/wire/artifact'
import type { RunCheckpoint } from '@gyre/sdk/wire/run'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Tx } from '../store/catalog.ts'
import { placeOf } from './tracked-run.ts'

/** The last one of a run that a program outside makes. Throws NOT_FOUND for the run. */
export async function checkpointOf(
  db: Tx,
  ctx: Context,
  id: string,
): Promise<RunCheckpoint | undefined> {
  const { seq } = await placeOf(db, ctx, id)
  const row = await db
    .selectFrom('run_checkpoints')
    .selectAll()
    .where('run', '=', seq)
    .executeTakeFirst()
  if (!row) return undefined
  const { digest, bytes, media_type: mediaType } = row
  const artifact = Artifact.parse({ digest, bytes, mediaType })
  return { step: row.at_step, artifact, atMs: row.committed_ms }
}

/** Puts it in the place of the one before. Throws INVALID_ARGUMENT for one that is not later. */
export async function putCheckpoint(
  tx: Tx,
  ctx: Context,
  id: string,
  { step, artifact, atMs }: RunCheckpoint,
): Promise<void> {
  const before = await checkpointOf(tx, ctx, id)
  if (before && before.step >= step)
    throw new GyreError(
      'INVALID_ARGUMENT',
      `step: expected more than ${before.step}, which is in the last checkpoint, got ${step}`,
      { field: 'step' },
    )
  const { seq } = await placeOf(tx, ctx, id)
  const kept = {
    at_step: step,
    committed_ms: atMs,
    digest: artifact.digest,
    bytes: artifact.bytes,
    media_type: artifact.mediaType,
  }
  await tx
    .insertInto('run_checkpoints')
    .values({ run: seq, ...kept })
    .onConflict((conflict) => conflict.column('run').doUpdateSet(kept))
    .execute()
}

/** What a run that has succeeded needs no more. */
export async function forgetCheckpoint(tx: Tx, ctx: Context, id: string): Promise<void> {
  const { seq } = await placeOf(tx, ctx, id)
  await tx.deleteFrom('run_checkpoints').where('run', '=', seq).execute()
}
