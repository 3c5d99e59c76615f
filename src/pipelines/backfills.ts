import type { Backfill, PartitionRow, StartBackfill } from '@gyre/sdk/wire/partition'
import type { PipelineSpec } from '@gyre/sdk/wire/pipeline'
import type { JsonValue } from '@gyre/sdk/wire/ref'
import type { Context } from '../core/context.ts'
import { GyreError, toGyreError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import {
  assignRun,
  getBackfill,
  runningOf,
  statesOf,
  toBackfill,
  waitingOf,
  type BackfillRow,
  type WaitingPartition,
} from './backfill-store.ts'
import { bindParams, type Params } from './params.ts'
import { partitionsBetween, requirePartitions } from './partition.ts'
import type { EndDeps } from './pipeline-run.ts'
import type { AppliedCode, TaskDeps } from './step-task.ts'

/** A table of them is read as a whole; for more there are `from` and `to`. */
const MAX_PARTITIONS = 10_000

interface Bounds {
  readonly from?: string
  readonly to?: string
}

/** Pipelines that are run partition by partition. All verbs throw NOT_FOUND. */
export interface Backfills {
  /** The partitions of a pipeline that have ended. Throws CONFLICT for a pipeline without, INVALID_ARGUMENT. */
  partitions(ctx: Context, pipeline: string, bounds: Bounds): Promise<readonly PartitionRow[]>
  /** Starts a run for every partition in one of the states; returns at once. Throws as above. */
  start(ctx: Context, pipeline: string, request: StartBackfill): Promise<Backfill>
  get(ctx: Context, id: string): Promise<Backfill>
  /** Newest first. */
  list(ctx: Context, limit: number): Promise<readonly Backfill[]>
  /** Starts no run any more; those under way go on. Throws CONFLICT for one that has ended. */
  cancel(ctx: Context, id: string): Promise<Backfill>
  /** Takes up every backfill that a stopped server left behind; the runs under way are taken up before. */
  resume(): Promise<void>
  close(): Promise<void>
}

export interface BackfillsDeps extends EndDeps, Pick<TaskDeps, 'code'> {
  readonly log: Log
  readonly pipelineNamed: (code: AppliedCode, name: string) => PipelineSpec
  /** Starts a run of exactly this code, and tells `also` its id in the same unit. */
  readonly startRun: (
    ctx: Context,
    spec: PipelineSpec,
    params: Params,
    code: AppliedCode,
    also: (tx: Parameters<typeof assignRun>[0], id: string) => Promise<void>,
  ) => Promise<string>
  /** Resolves once a run has ended. */
  readonly runEnded: (id: string) => Promise<unknown>
  /** Throws CONFLICT for a run that has ended by itself. */
  readonly cancelRun: (ctx: Context, id: string) => Promise<unknown>
}

export function createBackfills(deps: BackfillsDeps): Backfills {
  const { catalog, runs, events, clock, log } = deps
  const driving = new Map<string, Promise<void>>()
  const stopping = new AbortController()

  async function find(ctx: Context, pipeline: string, bounds: Bounds) {
    const code = await deps.code(ctx)
    const spec = deps.pipelineNamed(code, pipeline)
    const param = requirePartitions(spec)
    const all = partitionsBetween(param.partitions, bounds, clock.now(), MAX_PARTITIONS)
    const states = await statesOf(catalog.read, ctx.project, spec, all)
    return { code, spec, param, all, states }
  }

  function drive(ctx: Context, row: BackfillRow): void {
    const ended = driveBackfill(ctx, row)
      .catch((error: unknown) => {
        if (stopping.signal.aborted) return
        log.error({ err: error, backfill: row.id }, 'a backfill cannot go on')
        return end(ctx, row, 'failed').catch((second: unknown) =>
          log.error({ err: second, backfill: row.id }, 'and its end cannot be written'),
        )
      })
      .finally(() => driving.delete(row.id))
    driving.set(row.id, ended)
  }

  /** Keeps so many runs under way as there may be. Everything it knows is in the catalog. */
  async function driveBackfill(ctx: Context, row: BackfillRow): Promise<void> {
    const code = await deps.code(ctx, row.code_ref)
    const spec = deps.pipelineNamed(code, row.pipeline)
    const { name } = requirePartitions(spec)
    const given: Record<string, JsonValue> = JSON.parse(row.params)
    const under = new Map<string, Promise<unknown>>()
    const watch = (run: string): void => {
      const ended = deps.runEnded(run).finally(() => under.delete(run))
      under.set(run, ended)
    }
    const startOne = async (waiting: WaitingPartition): Promise<void> => {
      const params = bindParams(spec, { ...given, [name]: waiting.value })
      watch(await startOrFind(ctx, spec, params, code, waiting))
    }
    for (const run of await runningOf(catalog.read, row.id)) watch(run)
    for (;;) {
      if (stopping.signal.aborted) return
      const { status } = await getBackfill(catalog.read, ctx.project, row.id)
      const isFree = status === 'running' && under.size < row.concurrency
      const [waiting] = isFree ? await waitingOf(catalog.read, row.id, 1) : []
      if (waiting) {
        await startOne(waiting)
        continue
      }
      if (under.size === 0) {
        const { partitions } = await toBackfill(catalog.read, row)
        if (status === 'running')
          await end(ctx, row, partitions.failed > 0 ? 'failed' : 'succeeded')
        return
      }
      await Promise.race(under.values())
    }
  }

  /** A run that somebody else has under way for the partition is that partition's run. */
  async function startOrFind(
    ctx: Context,
    spec: PipelineSpec,
    params: Params,
    code: AppliedCode,
    waiting: WaitingPartition,
  ): Promise<string> {
    try {
      return await deps.startRun(ctx, spec, params, code, (tx, id) => assignRun(tx, waiting, id))
    } catch (thrown) {
      const run = thrown instanceof GyreError ? thrown.details['run'] : undefined
      if (typeof run !== 'string') throw thrown
      await catalog.write((tx) => assignRun(tx, waiting, run))
      return run
    }
  }

  async function end(
    ctx: Context,
    { id, pipeline }: BackfillRow,
    status: 'succeeded' | 'failed' | 'cancelled',
  ): Promise<void> {
    await catalog.write(async (tx) => {
      const { numUpdatedRows } = await tx
        .updateTable('backfills')
        .set({ status, ended_at: clock.now().toISOString() })
        .where('id', '=', id)
        .where('status', '=', 'running')
        .executeTakeFirst()
      if (numUpdatedRows === 0n)
        throw new GyreError('CONFLICT', `the backfill ${id} has ended already`, { id })
      await runs.finish(ctx, id, { status }, tx)
      await events.append(tx, ctx, {
        type: `backfill.${status}`,
        subject: { kind: 'pipeline', id: pipeline },
        data: { backfill: id },
      })
    })
  }

  async function get(ctx: Context, id: string): Promise<Backfill> {
    return toBackfill(catalog.read, await getBackfill(catalog.read, ctx.project, id))
  }

  return {
    get,

    partitions: async (ctx, pipeline, bounds) => (await find(ctx, pipeline, bounds)).states,

    async start(ctx, pipeline, { from, to, states, concurrency, params }) {
      const bounds = { ...(from !== undefined && { from }), ...(to !== undefined && { to }) }
      const { code, spec, param, all, states: now } = await find(ctx, pipeline, bounds)
      if (Object.hasOwn(params, param.name))
        throw new GyreError(
          'INVALID_ARGUMENT',
          `params.${param.name}: is what the backfill goes through; say from and to`,
          { field: `params.${param.name}` },
        )
      const [first] = all
      if (first) bindParams(spec, { ...params, [param.name]: first.value })
      const chosen = all.filter((_, at) => states.some((state) => state === now[at]?.state))
      const row = await catalog.write(async (tx): Promise<BackfillRow> => {
        const run = await runs.start(
          ctx,
          {
            kind: 'backfill',
            name: spec.name,
            params: { ...params, partitions: chosen.length, ...bounds },
            inputs: [{ ref: code.ref, role: 'code' }],
          },
          tx,
        )
        const fresh: BackfillRow = {
          id: run.id,
          project: ctx.project,
          pipeline: spec.name,
          code_ref: code.ref,
          params: JSON.stringify(params),
          concurrency,
          status: 'running',
          started_at: run.startedAt,
          ended_at: null,
        }
        await tx.insertInto('backfills').values(fresh).execute()
        for (let at = 0; at < chosen.length; at += 1_000)
          await tx
            .insertInto('backfill_partitions')
            .values(
              chosen.slice(at, at + 1_000).map(({ key, value }, offset) => ({
                backfill: run.id,
                position: at + offset,
                partition: key,
                value,
                run_id: null,
              })),
            )
            .execute()
        await events.append(tx, ctx, {
          type: 'backfill.started',
          subject: { kind: 'pipeline', id: spec.name },
          data: { backfill: run.id, partitions: chosen.length, concurrency },
        })
        return fresh
      })
      drive(ctx, row)
      return get(ctx, row.id)
    },

    async list(ctx, limit) {
      const rows = await catalog.read
        .selectFrom('backfills')
        .selectAll()
        .where('project', '=', ctx.project)
        .orderBy('started_at', 'desc')
        .orderBy('id', 'desc')
        .limit(limit)
        .execute()
      return Promise.all(rows.map((row) => toBackfill(catalog.read, row)))
    },

    async cancel(ctx, id) {
      await end(ctx, await getBackfill(catalog.read, ctx.project, id), 'cancelled')
      for (const run of await runningOf(catalog.read, id))
        await deps.cancelRun(ctx, run).catch(unlessEnded)
      return get(ctx, id)
    },

    async resume() {
      const rows = await catalog.read
        .selectFrom('backfills')
        .selectAll()
        .where('status', '=', 'running')
        .execute()
      for (const row of rows.filter(({ id }) => !driving.has(id))) {
        const server = { project: row.project, actor: 'pipelines', requestId: row.id }
        drive({ ...server, actor: (await runs.get(server, row.id)).actor }, row)
      }
    },

    async close() {
      stopping.abort()
      await Promise.all(driving.values())
    },
  }
}

/** A run may have come to its end a moment before it was to be cancelled. */
function unlessEnded(thrown: unknown): void {
  if (toGyreError(thrown).code !== 'CONFLICT') throw thrown
}
