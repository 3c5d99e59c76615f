import type { Context } from '../core/context.ts'
import type { Tx } from './catalog.ts'
import { STATUS_OF, type Phase } from './runs.ts'

/** What may have changed of a run where it came from. Times are epoch milliseconds. */
export interface RunHead {
  readonly name: string
  readonly phase: Phase
  readonly endMs: number | null
  readonly deletedMs: number | null
}

/** A run that another tracker started, under the id it has had there. */
export interface AdoptedRun extends RunHead {
  readonly id: string
  readonly experiment: number
  readonly userId: string
  readonly startMs: number
}

/** Writes its row; gives `runs.seq`. Nobody else in any project may have its id. */
export async function adoptRun(
  tx: Tx,
  { project, actor }: Context,
  { id, experiment, userId, startMs, ...head }: AdoptedRun,
): Promise<number> {
  const { seq } = await tx
    .insertInto('runs')
    .values({
      id,
      project,
      kind: 'training',
      parent_id: null,
      started_at: new Date(startMs).toISOString(),
      actor,
      code: null,
      environment: '{}',
      error: null,
      seed: null,
      experiment,
      user_id: userId,
      start_ms: startMs,
      ...columnsOf(head),
    })
    .returning('seq')
    .executeTakeFirstOrThrow()
  return seq
}

/** Writes anew what has changed of an adopted run. */
export async function amendAdoptedRun(tx: Tx, seq: number, head: RunHead): Promise<void> {
  await tx.updateTable('runs').set(columnsOf(head)).where('seq', '=', seq).execute()
}

function columnsOf({ name, phase, endMs, deletedMs }: RunHead) {
  const status = STATUS_OF[phase]
  return {
    name,
    phase,
    status,
    end_ms: endMs,
    ended_at: status === 'running' || endMs === null ? null : new Date(endMs).toISOString(),
    deleted_ms: deletedMs,
  }
}
