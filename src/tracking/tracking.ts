import type { RunDifference } from '@gyre/sdk/wire/run'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import { missingError } from '../core/label-key.ts'
import type { Catalog, Tx } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import { readChart, type ChartRange } from '../store/metric-chart.ts'
import type { ChunkPoint, Int64 } from '../store/metric-chunks.ts'
import { readHistory, type MetricHistory } from '../store/metric-history.ts'
import { paramCell } from '../store/run-labels.ts'
import { logToRun } from '../store/run-metrics.ts'
import type { RunAmendment, Runs } from '../store/runs.ts'
import { assertBatch, assertTag, keptParams, keptTags, type Batch } from './batch.ts'
import { assertActive, createExperiments, getExperiment, type Experiments } from './experiments.ts'
import { logModelMetrics } from './model-metrics.ts'
import { differenceOfRuns } from './run-difference.ts'
import { runName } from './run-names.ts'
import { searchRuns, type RunQuery } from './run-search.ts'
import { activePlaceOf, placeOf, readRuns, type Label, type TrackedRun } from './tracked-run.ts'

export interface NewTrackedRun {
  readonly experiment: number
  readonly userId: string
  /** A name is made up when neither it nor the tag `mlflow.runName` is given. */
  readonly name?: string
  /** Epoch milliseconds; now unless told. */
  readonly startMs?: Int64
  readonly tags: readonly Label[]
}

/** Experiments, and the runs that clients log under them. Every verb sees the project of `ctx` only. */
export interface Tracking {
  readonly experiments: Experiments
  /** Throws NOT_FOUND for the experiment, CONFLICT when it is deleted, INVALID_ARGUMENT. */
  start(ctx: Context, run: NewTrackedRun): Promise<TrackedRun>
  /** Throws NOT_FOUND; a deleted run is found. */
  get(ctx: Context, id: string): Promise<TrackedRun>
  /**
   * Changes nothing of a step's run: how it stands and what it is called its pipeline says. Throws NOT_FOUND, and
   * CONFLICT for a deleted run; so do the verbs below.
   */
  update(ctx: Context, id: string, amendment: RunAmendment): Promise<TrackedRun>
  /** Writes all of a batch or nothing. Throws INVALID_ARGUMENT, for a parameter that has another value too. */
  log(ctx: Context, id: string, batch: Partial<Batch>): Promise<void>
  setTag(ctx: Context, id: string, tag: Label): Promise<void>
  /** Throws NOT_FOUND for the tag too. */
  removeTag(ctx: Context, id: string, key: string): Promise<void>
  /** Hides the run, or shows it again. Throws NOT_FOUND. */
  setDeleted(ctx: Context, id: string, isDeleted: boolean): Promise<void>
  /** Runs that match a filter, in order, a page at a time. Throws INVALID_ARGUMENT naming the part. */
  search(ctx: Context, query: RunQuery): Promise<RunPage>
  /** At most `most` points of a metric by step, its extremes among them. Throws NOT_FOUND. */
  chart(
    ctx: Context,
    id: string,
    key: string,
    most: number,
    range?: ChartRange,
  ): Promise<readonly ChunkPoint[]>
  /** A page of a metric by time, then step, then value. Throws NOT_FOUND and INVALID_ARGUMENT. */
  history(
    ctx: Context,
    id: string,
    key: string,
    limit: number,
    cursor?: string,
  ): Promise<MetricHistory>
  /** What differs between a run and one that it should be equal to. Throws NOT_FOUND. */
  difference(ctx: Context, before: string, now: string): Promise<RunDifference>
}

export interface RunPage {
  readonly runs: readonly TrackedRun[]
  /** Stays good while runs come and go; undefined on the last page. */
  readonly nextToken: string | undefined
}

export interface TrackingDeps {
  readonly catalog: Catalog
  readonly events: Events
  readonly runs: Runs
  readonly clock: Clock
  readonly random: Random
}

/** Tags that say the same as a column of the run. */
const [NAME_TAG, PARENT_TAG] = ['mlflow.runName', 'mlflow.parentRunId']

export function createTracking(deps: TrackingDeps): Tracking {
  const { catalog, events, runs, clock, random } = deps
  const experiments = createExperiments(deps)

  /** The id of the parent that a tag names, where it is a run of this project. */
  async function parentOf(tx: Tx, ctx: Context, tags: ReadonlyMap<string, string>) {
    const id = tags.get(PARENT_TAG)
    return id === undefined ? undefined : (await runs.find(ctx, id, tx))?.id
  }

  async function rename(tx: Tx, ctx: Context, id: string, name: string): Promise<void> {
    if (!(await isStep(tx, ctx, id))) await runs.amend(ctx, id, { name }, tx)
  }

  return {
    experiments,

    async start(ctx, { experiment: number, userId, name: given, startMs, tags }) {
      const tagOf = new Map(keptTags(tags))
      const name = (given || tagOf.get(NAME_TAG)) ?? runName(random)
      if (given && tagOf.has(NAME_TAG) && tagOf.get(NAME_TAG) !== given)
        throw new GyreError(
          'INVALID_ARGUMENT',
          `run_name: the tag ${NAME_TAG} says ${tagOf.get(NAME_TAG)}, run_name says ${given}`,
          { field: 'run_name' },
        )
      for (const [i, tag] of tags.entries()) assertTag(tag, `tags.${i}`)
      tagOf.set(NAME_TAG, name)
      await experiments.get(ctx, number)
      const id = await catalog.write(async (tx) => {
        assertActive(await getExperiment(tx, ctx, number))
        const parentId = await parentOf(tx, ctx, tagOf)
        const tracked = { experiment: number, userId, startMs: startMs ?? clock.now().getTime() }
        const run = await runs.start(
          ctx,
          {
            kind: 'training',
            name,
            tags: Object.fromEntries(tagOf),
            tracked,
            ...(parentId === undefined ? {} : { parentId }),
          },
          tx,
        )
        return run.id
      })
      return getRun(catalog.read, ctx, id)
    },

    get: (ctx, id) => getRun(catalog.read, ctx, id),

    async update(ctx, id, amendment) {
      await catalog.write(async (tx) => {
        if (await isStep(tx, ctx, id)) return
        const { name } = amendment
        const tags: [string, string][] = name === undefined ? [] : [[NAME_TAG, name]]
        await logToRun(tx, ctx, id, { tags }, true)
        await runs.amend(ctx, id, amendment, tx)
      })
      return getRun(catalog.read, ctx, id)
    },

    async log(ctx, id, { metrics = [], params = [], tags = [] }) {
      assertBatch({ metrics, params, tags })
      await catalog.write(async (tx) => {
        const cells = [...keptParams(params)].map(
          ([key, value]) => [key, paramCell(value)] as const,
        )
        const log = { points: metrics, params: cells, tags: keptTags(tags) }
        await logToRun(tx, ctx, id, log, true)
        await logModelMetrics(tx, ctx, id, metrics)
        const name = tags.findLast(({ key }) => key === NAME_TAG)?.value
        if (name !== undefined) await rename(tx, ctx, id, name)
      })
    },

    async setTag(ctx, id, tag) {
      assertTag(tag, '')
      await catalog.write(async (tx) => {
        await logToRun(tx, ctx, id, { tags: keptTags([tag]) }, true)
        if (tag.key === NAME_TAG) await rename(tx, ctx, id, tag.value)
      })
    },

    async removeTag(ctx, id, key) {
      if (key === '') throw missingError('key')
      await catalog.write(async (tx) => {
        const { seq } = await activePlaceOf(tx, ctx, id)
        const { numDeletedRows } = await tx
          .deleteFrom('run_tags')
          .where('run', '=', seq)
          .where('key', '=', key)
          .executeTakeFirst()
        if (numDeletedRows === 0n)
          throw new GyreError('NOT_FOUND', `No tag with name: ${key} in run with id ${id}`, { key })
      })
    },

    async setDeleted(ctx, id, isDeleted) {
      await catalog.write(async (tx) => {
        const place = await placeOf(tx, ctx, id)
        if (place.isDeleted === isDeleted) return
        await tx
          .updateTable('runs')
          .set({ deleted_ms: isDeleted ? clock.now().getTime() : null })
          .where('seq', '=', place.seq)
          .execute()
        const type = isDeleted ? 'run.deleted' : 'run.restored'
        await events.append(tx, ctx, { type, subject: { kind: 'run', id }, data: {} })
      })
    },

    async search(ctx, query) {
      const { seqs, nextToken } = await searchRuns(catalog.read, ctx, query)
      return { runs: await readRuns(catalog.read, seqs), nextToken }
    },

    async chart(ctx, id, key, most, range) {
      const { seq } = await placeOf(catalog.read, ctx, id)
      return readChart(catalog.read, seq, key, most, range)
    },

    async history(ctx, id, key, limit, cursor) {
      const { seq } = await placeOf(catalog.read, ctx, id)
      return readHistory(catalog.read, seq, key, limit, cursor)
    },

    async difference(ctx, before, now) {
      const compared = await Promise.all([runs.get(ctx, before), runs.get(ctx, now)])
      return differenceOfRuns(catalog.read, ...compared)
    },
  }
}

/** A run of Gyre's own code under one of a pipeline. */
async function isStep(tx: Tx, ctx: Context, id: string): Promise<boolean> {
  const row = await tx
    .selectFrom('runs as run')
    .innerJoin('runs as parent', 'parent.id', 'run.parent_id')
    .select('parent.kind')
    .where('run.project', '=', ctx.project)
    .where('run.id', '=', id)
    .where('run.code', 'is not', null)
    .executeTakeFirst()
  return row?.kind === 'pipeline'
}

async function getRun(db: Tx, ctx: Context, id: string): Promise<TrackedRun> {
  const { seq } = await placeOf(db, ctx, id)
  const [run] = await readRuns(db, [seq])
  if (!run) throw new GyreError('INTERNAL', `run ${id} has gone while it was read`)
  return run
}
