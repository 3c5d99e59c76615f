import type { Backfill, PartitionRow, PartitionState } from '@gyre/sdk/wire/partition'
import type { PipelineSpec } from '@gyre/sdk/wire/pipeline'
import { sql } from 'kysely'
import { GyreError } from '../core/errors.ts'
import type { Tx } from '../store/catalog.ts'
import type { Tables } from '../store/schema.ts'
import type { Partition } from './partition.ts'

export type BackfillRow = Tables['backfills']

/** One partition of a backfill that no run is for yet. */
export type WaitingPartition = Tables['backfill_partitions']

/** Partitions with the state of the newest run of each. */
export async function statesOf(
  db: Tx,
  project: string,
  spec: PipelineSpec,
  partitions: readonly Partition[],
): Promise<readonly PartitionRow[]> {
  const rows = await db
    .selectFrom('pipeline_runs')
    .innerJoin('runs', 'runs.id', 'pipeline_runs.id')
    .select(['pipeline_runs.partition', 'pipeline_runs.id', 'pipeline_runs.status'])
    .select(sql<number>`pipeline_runs.spec <> ${JSON.stringify(spec)}`.as('differs'))
    .where('pipeline_runs.project', '=', project)
    .where('pipeline_runs.pipeline', '=', spec.name)
    .where('pipeline_runs.partition', 'is not', null)
    .orderBy('runs.seq')
    .execute()
  const newest = new Map(rows.map((row) => [row.partition, row]))
  return partitions.map(({ key }) => {
    const row = newest.get(key)
    if (!row) return { key, state: 'missing', run: null }
    return { key, state: stateOf(row.status, row.differs === 1), run: row.id }
  })
}

function stateOf(status: string, differs: boolean): PartitionState {
  if (status === 'running') return 'running'
  if (status !== 'succeeded') return 'failed'
  return differs ? 'stale' : 'succeeded'
}

export async function getBackfill(db: Tx, project: string, id: string): Promise<BackfillRow> {
  const row = await db
    .selectFrom('backfills')
    .selectAll()
    .where('project', '=', project)
    .where('id', '=', id)
    .executeTakeFirst()
  if (!row) throw new GyreError('NOT_FOUND', `no backfill ${id}`, { id })
  return row
}

/** Those that wait longest, so many at most. */
export async function waitingOf(
  db: Tx,
  backfill: string,
  most: number,
): Promise<readonly WaitingPartition[]> {
  return db
    .selectFrom('backfill_partitions')
    .selectAll()
    .where('backfill', '=', backfill)
    .where('run_id', 'is', null)
    .orderBy('position')
    .limit(most)
    .execute()
}

/** Runs for its partitions that are under way. */
export async function runningOf(db: Tx, backfill: string): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('backfill_partitions')
    .innerJoin('pipeline_runs', 'pipeline_runs.id', 'backfill_partitions.run_id')
    .select('pipeline_runs.id')
    .where('backfill_partitions.backfill', '=', backfill)
    .where('pipeline_runs.status', '=', 'running')
    .execute()
  return rows.map(({ id }) => id)
}

/** A partition gets its run. */
export async function assignRun(
  tx: Tx,
  { backfill, position }: WaitingPartition,
  run: string,
): Promise<void> {
  await tx
    .updateTable('backfill_partitions')
    .set({ run_id: run })
    .where('backfill', '=', backfill)
    .where('position', '=', position)
    .execute()
}

export async function toBackfill(db: Tx, row: BackfillRow): Promise<Backfill> {
  const counted = await db
    .selectFrom('backfill_partitions')
    .leftJoin('pipeline_runs', 'pipeline_runs.id', 'backfill_partitions.run_id')
    .select(({ fn }) => ['pipeline_runs.status', fn.countAll<number>().as('n')])
    .where('backfill_partitions.backfill', '=', row.id)
    .groupBy('pipeline_runs.status')
    .execute()
  const total = counted.reduce((sum, { n }) => sum + n, 0)
  const of = (status: string | null) => counted.find((each) => each.status === status)?.n ?? 0
  const [waiting, running, succeeded] = [of(null), of('running'), of('succeeded')]
  return {
    id: row.id,
    pipeline: row.pipeline,
    code: row.code_ref,
    status: row.status,
    concurrency: row.concurrency,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    partitions: {
      total,
      waiting,
      running,
      succeeded,
      failed: total - waiting - running - succeeded,
    },
  }
}
