import type { MetricPoint, Run, RunCode, RunError, RunRef, RunStatus } from '@gyre/sdk/wire/run'
import { sql } from 'kysely'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { NewId } from '../core/id.ts'
import type { Catalog, Tx } from './catalog.ts'
import type { Events } from './events.ts'
import { flagOverfit } from './overfit-tag.ts'
import { addRefs } from './run-refs.ts'
import { readChart, type ChartRange } from './metric-chart.ts'
import type { ChunkPoint, Int64 } from './metric-chunks.ts'
import { readHistory, type MetricHistory } from './metric-history.ts'
import { paramCell } from './run-labels.ts'
import { logToRun } from './run-metrics.ts'
import { RUN_COLUMNS, toRuns } from './run-row.ts'

export interface NewRun {
  /** `training`, `evaluation`, `pipeline`, `step`, … */
  readonly kind: string
  readonly name: string
  readonly params?: Run['params']
  readonly inputs?: readonly RunRef[]
  readonly parentId?: string
  readonly code?: RunCode
  readonly environment?: Readonly<Record<string, string>>
  readonly tags?: Readonly<Record<string, string>>
  readonly seed?: number
  /** Who logs it from outside, and where. */
  readonly tracked?: Tracked
  /** Only the server that starts it can end it: a crash of that server loses the run. */
  readonly endsWithServer?: boolean
}

/** What a client says of a run that it logs. */
export interface Tracked {
  readonly experiment: number
  readonly userId: string
  /** Epoch milliseconds. */
  readonly startMs: Int64
}

/** What a client may say anew of a run it logs; members left out stay. */
export interface RunAmendment {
  readonly phase?: Phase
  readonly name?: string
  /** Epoch milliseconds; null takes the end back. */
  readonly endMs?: Int64 | null
}

/** The states of a run in the words of MLflow. */
export type Phase = 'RUNNING' | 'SCHEDULED' | 'FINISHED' | 'FAILED' | 'KILLED'

/** What a phase is in Gyre's own words. */
export const STATUS_OF: Readonly<Record<Phase, RunStatus>> = {
  RUNNING: 'running',
  SCHEDULED: 'running',
  FINISHED: 'succeeded',
  FAILED: 'failed',
  KILLED: 'cancelled',
}

/** What a run that clients log says to them once it has ended. */
const PHASE_OF: Readonly<Record<RunEnd['status'], Phase>> = {
  succeeded: 'FINISHED',
  failed: 'FAILED',
  lost: 'FAILED',
  cancelled: 'KILLED',
}

export interface RunEnd {
  readonly status: Exclude<RunStatus, 'running'>
  readonly outputs?: readonly RunRef[]
  readonly error?: RunError
}

/** Members left out match everything. */
export interface RunFilter {
  readonly kind?: string
  readonly name?: string
  readonly status?: RunStatus
  readonly parentId?: string
}

export interface RunPage {
  readonly runs: readonly Run[]
  /** Hand it in to get the next page; undefined on the last one. */
  readonly next: string | undefined
}

/**
 * Runs make things. Every verb sees the project of `ctx` only; given a `tx` it is part of that unit, else it
 * is a unit of its own. Starting and finishing leave `run.started` and `run.finished` events.
 */
export interface Runs {
  start(ctx: Context, run: NewRun, tx?: Tx): Promise<Run>
  /** Throws NOT_FOUND, and CONFLICT when the run has ended already. */
  finish(ctx: Context, id: string, end: RunEnd, tx?: Tx): Promise<Run>
  /** A client's word on its own run, which may begin again after its end. Throws NOT_FOUND. */
  amend(ctx: Context, id: string, amendment: RunAmendment, tx?: Tx): Promise<Run>
  /** Values may be NaN or ±Infinity; `step` is 0 and `at` now unless told. */
  logMetrics(ctx: Context, id: string, points: readonly MetricPoint[], tx?: Tx): Promise<void>
  /** Naming the same ref in the same role again changes nothing. */
  addInputs(ctx: Context, id: string, refs: readonly RunRef[], tx?: Tx): Promise<void>
  addOutputs(ctx: Context, id: string, refs: readonly RunRef[], tx?: Tx): Promise<void>
  /** Merges: a key given again takes the new value. */
  setTags(ctx: Context, id: string, tags: Readonly<Record<string, string>>, tx?: Tx): Promise<void>
  /** What it turned out to run on; names given again take the new value. Throws NOT_FOUND. */
  addEnvironment(ctx: Context, id: string, environment: Run['environment'], tx?: Tx): Promise<void>
  /** What its program wrote where its code lies. Nothing of a run without code. Throws NOT_FOUND. */
  addWritten(
    ctx: Context,
    id: string,
    written: NonNullable<RunCode['written']>,
    tx: Tx,
  ): Promise<void>
  /** Puts a fuller account in the place of the error that a run has failed with; no other run is changed. */
  explain(ctx: Context, id: string, error: RunError, tx: Tx): Promise<void>
  /** Throws NOT_FOUND. */
  get(ctx: Context, id: string, tx?: Tx): Promise<Run>
  find(ctx: Context, id: string, tx?: Tx): Promise<Run | undefined>
  /** In the order of `ids`; those that are not there are left out. */
  getMany(ctx: Context, ids: readonly string[]): Promise<readonly Run[]>
  /** Newest first. */
  list(ctx: Context, filter: RunFilter, limit: number, cursor?: string): Promise<RunPage>
  /** Every point of one metric by time, then step, then value. Throws NOT_FOUND and INVALID_ARGUMENT. */
  metricHistory(
    ctx: Context,
    id: string,
    key: string,
    limit: number,
    cursor?: string,
  ): Promise<MetricHistory>
  /** At most `most` points of one metric by step, its extremes among them. Throws NOT_FOUND. */
  metricChart(
    ctx: Context,
    id: string,
    key: string,
    most: number,
    range?: ChartRange,
  ): Promise<readonly ChunkPoint[]>
  /** Runs that list `ref` among their outputs, oldest first. */
  producersOf(ctx: Context, ref: string): Promise<readonly Run[]>
  /** Runs that list `ref` among their inputs, oldest first. */
  consumersOf(ctx: Context, ref: string): Promise<readonly Run[]>
  /** Ends as lost, in every project, the runs that an earlier server left running and nobody can go on with. */
  loseAbandoned(): Promise<void>
}

export interface RunsDeps {
  readonly catalog: Catalog
  readonly events: Events
  readonly clock: Clock
  readonly newId: NewId
}

export function createRuns({ catalog, events, clock, newId }: RunsDeps): Runs {
  const now = () => clock.now().toISOString()
  const inUnit = <T>(tx: Tx | undefined, unit: (tx: Tx) => Promise<T>) =>
    tx ? unit(tx) : catalog.write(unit)

  async function find(ctx: Context, id: string, tx?: Tx): Promise<Run | undefined> {
    const db = tx ?? catalog.read
    const rows = await db
      .selectFrom('runs')
      .select(RUN_COLUMNS)
      .where('project', '=', ctx.project)
      .where('id', '=', id)
      .execute()
    const [run] = await toRuns(db, rows)
    return run
  }

  async function get(ctx: Context, id: string, tx?: Tx): Promise<Run> {
    const run = await find(ctx, id, tx)
    if (!run) throw new GyreError('NOT_FOUND', `no such run: ${id}`, { id })
    return run
  }

  async function finish(
    unit: Tx,
    ctx: Context,
    id: string,
    { status, outputs, error }: RunEnd,
  ): Promise<Run> {
    const { numUpdatedRows } = await unit
      .updateTable('runs')
      .set({
        status,
        ended_at: now(),
        end_ms: clock.now().getTime(),
        phase: sql`CASE WHEN phase IS NULL THEN NULL ELSE ${PHASE_OF[status]} END`,
        error: error ? JSON.stringify(error) : null,
      })
      .where('project', '=', ctx.project)
      .where('id', '=', id)
      .where('status', '=', 'running')
      .executeTakeFirst()
    if (numUpdatedRows === 0n) throw endedError(await get(ctx, id, unit))
    await addRefs(unit, id, 'output', outputs ?? [])
    await flagOverfit(unit, ctx, id)
    const run = await get(ctx, id, unit)
    const data = { kind: run.kind, name: run.name, status, ...(error ? { error } : {}) }
    await events.append(unit, ctx, { type: 'run.finished', subject: { kind: 'run', id }, data })
    return run
  }

  async function amend(
    unit: Tx,
    ctx: Context,
    id: string,
    { phase, name, endMs }: RunAmendment,
  ): Promise<Run> {
    const before = await get(ctx, id, unit)
    const status = phase === undefined ? before.status : STATUS_OF[phase]
    const isRunning = status === 'running'
    await unit
      .updateTable('runs')
      .set({
        status,
        ended_at: isRunning ? null : (before.endedAt ?? now()),
        ...(phase === undefined ? {} : { phase }),
        ...(name === undefined ? {} : { name }),
        ...(endMs === undefined ? {} : { end_ms: endMs }),
      })
      .where('project', '=', ctx.project)
      .where('id', '=', id)
      .execute()
    if (status !== before.status) {
      if (!isRunning) await flagOverfit(unit, ctx, id)
      const type = isRunning ? 'run.resumed' : 'run.finished'
      const data = { kind: before.kind, name: name ?? before.name, status }
      await events.append(unit, ctx, { type, subject: { kind: 'run', id }, data })
    }
    return get(ctx, id, unit)
  }

  async function named(ctx: Context, ref: string, direction: 'input' | 'output') {
    const rows = await catalog.read
      .selectFrom('runs')
      .select(RUN_COLUMNS)
      .where('project', '=', ctx.project)
      .where('id', 'in', (eb) =>
        eb
          .selectFrom('run_refs')
          .select('run_id')
          .where('ref', '=', ref)
          .where('direction', '=', direction),
      )
      .orderBy('seq')
      .execute()
    return toRuns(catalog.read, rows)
  }

  return {
    start: (ctx, run, tx) =>
      inUnit(tx, async (unit) => {
        const id = newId('run')
        if (run.parentId !== undefined) await seqOf(unit, ctx, run.parentId)
        const startedAt = now()
        await unit
          .insertInto('runs')
          .values({
            id,
            project: ctx.project,
            kind: run.kind,
            name: run.name,
            status: 'running',
            parent_id: run.parentId ?? null,
            started_at: startedAt,
            ended_at: null,
            actor: ctx.actor,
            code: run.code ? JSON.stringify(run.code) : null,
            environment: JSON.stringify(run.environment ?? {}),
            error: null,
            seed: run.seed ?? null,
            ends_with_server: run.endsWithServer ? 1 : 0,
            experiment: run.tracked?.experiment ?? null,
            phase: run.tracked ? 'RUNNING' : null,
            user_id: run.tracked?.userId ?? null,
            start_ms: run.tracked?.startMs ?? Date.parse(startedAt),
          })
          .execute()
        const params = Object.entries(run.params ?? {})
        await logToRun(unit, ctx, id, {
          params: params.map(([key, value]) => [key, paramCell(value)]),
          tags: Object.entries(run.tags ?? {}),
        })
        await addRefs(unit, id, 'input', run.inputs ?? [])
        const { kind, name } = run
        const subject = { kind: 'run', id }
        await events.append(unit, ctx, { type: 'run.started', subject, data: { kind, name } })
        return get(ctx, id, unit)
      }),

    amend: (ctx, id, amendment, tx) => inUnit(tx, (unit) => amend(unit, ctx, id, amendment)),

    finish: (ctx, id, end, tx) => inUnit(tx, (unit) => finish(unit, ctx, id, end)),

    logMetrics: (ctx, id, points, tx) =>
      inUnit(tx, async (unit) => {
        const atMs = clock.now().getTime()
        const full = points.map(({ key, value, step = 0, at }) => ({
          key,
          value,
          step,
          atMs: at === undefined ? atMs : Date.parse(at),
        }))
        await logToRun(unit, ctx, id, { points: full })
      }),

    addInputs: (ctx, id, refs, tx) =>
      inUnit(tx, async (unit) => {
        await seqOf(unit, ctx, id)
        await addRefs(unit, id, 'input', refs)
      }),

    addOutputs: (ctx, id, refs, tx) =>
      inUnit(tx, async (unit) => {
        await seqOf(unit, ctx, id)
        await addRefs(unit, id, 'output', refs)
      }),

    setTags: (ctx, id, tags, tx) =>
      inUnit(tx, async (unit) => {
        await logToRun(unit, ctx, id, { tags: Object.entries(tags) })
      }),

    async explain(ctx, id, error, tx) {
      await tx
        .updateTable('runs')
        .set({ error: JSON.stringify(error) })
        .where('project', '=', ctx.project)
        .where('id', '=', id)
        .where('status', '=', 'failed')
        .execute()
    },

    async addWritten(ctx, id, written, tx) {
      const { code } = await get(ctx, id, tx)
      if (!code || Object.keys(written).length === 0) return
      await tx
        .updateTable('runs')
        .set({ code: JSON.stringify({ ...code, written }) })
        .where('project', '=', ctx.project)
        .where('id', '=', id)
        .execute()
    },

    addEnvironment: (ctx, id, environment, tx) =>
      inUnit(tx, async (unit) => {
        const known = (await get(ctx, id, unit)).environment
        await unit
          .updateTable('runs')
          .set({ environment: JSON.stringify({ ...known, ...environment }) })
          .where('project', '=', ctx.project)
          .where('id', '=', id)
          .execute()
      }),

    get,
    find,

    async getMany(ctx, ids) {
      const rows = await catalog.read
        .selectFrom('runs')
        .select(RUN_COLUMNS)
        .where('project', '=', ctx.project)
        .where('id', 'in', [...ids])
        .execute()
      const byId = new Map((await toRuns(catalog.read, rows)).map((run) => [run.id, run]))
      return ids.map((id) => byId.get(id)).filter((run) => run !== undefined)
    },

    async list(ctx, filter, limit, cursor) {
      let query = catalog.read
        .selectFrom('runs')
        .select(RUN_COLUMNS)
        .where('project', '=', ctx.project)
      if (filter.kind !== undefined) query = query.where('kind', '=', filter.kind)
      if (filter.name !== undefined) query = query.where('name', '=', filter.name)
      if (filter.status !== undefined) query = query.where('status', '=', filter.status)
      if (filter.parentId !== undefined) query = query.where('parent_id', '=', filter.parentId)
      if (cursor !== undefined) query = query.where('seq', '<', parseCursor(cursor))
      const rows = await query.orderBy('seq', 'desc').limit(limit).execute()
      const last = rows.length === limit ? rows.at(-1) : undefined
      return { runs: await toRuns(catalog.read, rows), next: last && String(last.seq) }
    },

    async metricHistory(ctx, id, key, limit, cursor) {
      const seq = await seqOf(catalog.read, ctx, id)
      return readHistory(catalog.read, seq, key, limit, cursor)
    },

    async metricChart(ctx, id, key, most, range) {
      const seq = await seqOf(catalog.read, ctx, id)
      return readChart(catalog.read, seq, key, most, range)
    },

    producersOf: (ctx, ref) => named(ctx, ref, 'output'),
    consumersOf: (ctx, ref) => named(ctx, ref, 'input'),

    async loseAbandoned() {
      const rows = await catalog.read
        .selectFrom('runs')
        .select(['project', 'id', 'actor'])
        .where('ends_with_server', '=', 1)
        .where('status', '=', 'running')
        .execute()
      if (rows.length === 0) return
      const error = { code: 'UNAVAILABLE', message: 'the server stopped while it ran' }
      await catalog.write(async (tx) => {
        for (const { project, id, actor } of rows)
          await finish(tx, { project, actor, requestId: id }, id, { status: 'lost', error })
      })
    },
  }
}

/** The number by which a run's parts name it. Throws NOT_FOUND. */
async function seqOf(db: Tx, ctx: Context, id: string): Promise<number> {
  const row = await db
    .selectFrom('runs')
    .select('seq')
    .where('project', '=', ctx.project)
    .where('id', '=', id)
    .executeTakeFirst()
  if (!row) throw new GyreError('NOT_FOUND', `no such run: ${id}`, { id })
  return row.seq
}

function endedError({ id, status }: Run): GyreError {
  return new GyreError('CONFLICT', `the run ${id} has ended already: ${status}`, { id, status })
}

function parseCursor(cursor: string): number {
  const seq = Number(cursor)
  if (Number.isSafeInteger(seq) && seq >= 0) return seq
  throw new GyreError('INVALID_ARGUMENT', `cursor: expected one of this list's, got ${cursor}`, {
    field: 'cursor',
    got: cursor,
  })
}
