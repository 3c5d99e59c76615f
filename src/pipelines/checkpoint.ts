import { Artifact, TRAINING_MEDIA_TYPE } from '@gyre/sdk/wire/artifact'
import type { Checkpoint } from '@gyre/sdk/wire/step'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Tx } from '../store/catalog.ts'
import type { ChunkPoint } from '../store/metric-chunks.ts'
import { readHistory } from '../store/metric-history.ts'
import { logToRun, type RunPoint } from '../store/run-metrics.ts'
import type { LeasedStep } from './leased-step.ts'
import type { StepRow } from './step-store.ts'

type Place = Pick<StepRow, 'pipeline_run_id' | 'step'>

/** A checkpoint, and the attempt that committed it. */
export interface Committed extends Checkpoint {
  readonly runId: string
  readonly committedMs: number
}

/** The last one of a step, whichever of its attempts has committed it. */
export async function lastCheckpoint(
  db: Tx,
  { pipeline_run_id, step }: Place,
): Promise<Committed | undefined> {
  const row = await db
    .selectFrom('step_checkpoints')
    .selectAll()
    .where('pipeline_run_id', '=', pipeline_run_id)
    .where('step', '=', step)
    .executeTakeFirst()
  if (!row) return undefined
  const { digest, bytes, media_type: mediaType } = row
  const artifact = Artifact.parse({ digest, bytes, mediaType })
  return { step: row.at_step, artifact, runId: row.run_id, committedMs: row.committed_ms }
}

/**
 * Puts it in the place of the one before. Throws INVALID_ARGUMENT for one that is not later; what the step's own code
 * saves takes the place of what its trainers saved, which count rounds of their own.
 */
export async function commitCheckpoint(
  tx: Tx,
  clock: Clock,
  leased: LeasedStep,
  { step, artifact }: Checkpoint,
): Promise<void> {
  const before = await lastCheckpoint(tx, leased)
  if (before && before.step >= step && isOfTrainer(before.artifact) === isOfTrainer(artifact))
    throw new GyreError(
      'INVALID_ARGUMENT',
      `step: expected more than ${before.step}, which is in the last checkpoint, got ${step}`,
      { field: 'step' },
    )
  const kept = {
    run_id: leased.run_id,
    at_step: step,
    committed_ms: clock.now().getTime(),
    digest: artifact.digest,
    bytes: artifact.bytes,
    media_type: artifact.mediaType,
  }
  await tx
    .insertInto('step_checkpoints')
    .values({ pipeline_run_id: leased.pipeline_run_id, step: leased.step, ...kept })
    .onConflict((conflict) => conflict.columns(['pipeline_run_id', 'step']).doUpdateSet(kept))
    .execute()
}

function isOfTrainer({ mediaType }: Artifact): boolean {
  return mediaType === TRAINING_MEDIA_TYPE
}

/** What a step that has succeeded needs no more. */
export async function forgetCheckpoint(tx: Tx, { pipeline_run_id, step }: Place): Promise<void> {
  await tx
    .deleteFrom('step_checkpoints')
    .where('pipeline_run_id', '=', pipeline_run_id)
    .where('step', '=', step)
    .execute()
}

/**
 * Gives a new attempt's run the metrics that its checkpoint stands for: what the attempt before told later it tells
 * again, so that the history has each step once. A step whose trainers alone have saved begins anew, and tells all again.
 */
export async function inheritMetrics(
  tx: Tx,
  ctx: Context,
  { runId, step, committedMs, artifact }: Committed,
  heir: string,
): Promise<void> {
  if (isOfTrainer(artifact)) return
  const { seq } = await tx
    .selectFrom('runs')
    .select('seq')
    .where('project', '=', ctx.project)
    .where('id', '=', runId)
    .executeTakeFirstOrThrow()
  const keys = await tx.selectFrom('run_metrics').select('key').where('run', '=', seq).execute()
  // A metric that has no steps is told under 0, perhaps at the very end.
  const isHeld = (point: ChunkPoint): boolean =>
    point.step === 0 ? point.atMs <= committedMs : point.step <= step
  for (const { key } of keys) {
    for (let cursor: string | undefined, isFirst = true; isFirst || cursor; isFirst = false) {
      const page = await readHistory(tx, seq, key, PAGE, cursor)
      const points: RunPoint[] = page.points.filter(isHeld).map((point) => ({ key, ...point }))
      if (points.length > 0) await logToRun(tx, ctx, heir, { points })
      cursor = page.next
    }
  }
}

const PAGE = 50_000
