import type { Clock } from '../core/clock.ts'
import type { ImportedTrace, ImportTrace } from '@gyre/sdk/wire/import'
import type { Context } from '../core/context.ts'
import { refusalOf } from '../core/import-outcome.ts'
import { GyreError } from '../core/errors.ts'
import type { Tx } from '../store/catalog.ts'
import { logSpans } from '../store/trace-spans.ts'
import { createAssessments, type Assessments } from './assessments.ts'
import { importTrace } from './import-trace.ts'
import { createIssues, type Issues } from './issues.ts'
import { faultOf, tracesOf, type SpansOfOrigin } from './span-log.ts'
import { getInfo, readInfos, seqOf, type TraceInfo } from './trace-info.ts'
import { assertFree, assertTagKey, keptTag } from './trace-label.ts'
import { removeTraces, type DoomedTraces, type RemovalDeps } from './trace-removal.ts'
import { searchTraces, type TraceQuery } from './trace-search.ts'
import { assertTraceId, putLabels, startTrace, type NewTrace } from './trace-start.ts'
import { isWhole, withSpans, type Trace } from './whole-trace.ts'

export interface TracePage {
  readonly traces: readonly TraceInfo[]
  /** Stays good while traces come and go; undefined on the last page. */
  readonly nextToken: string | undefined
}

export interface SpanBatch {
  /** Where a trace is that these spans are the first to tell of. */
  readonly experiment: number
  /** Linked to the traces whose root is among the spans. */
  readonly run?: string | undefined
  readonly origins: readonly SpansOfOrigin[]
}

/** Spans that were not taken; the others were. */
export interface Rejection {
  readonly spans: number
  /** Empty where all were taken. */
  readonly why: string
}

/** What applications did, span by span, and what was said of it. Every verb sees the project of `ctx` only. */
export interface Traces {
  /**
   * Keeps what a client tells of a whole trace; a trace may be told of again, and its spans may come before and
   * after. Throws NOT_FOUND for the experiment, CONFLICT when it is deleted, INVALID_ARGUMENT.
   */
  start(ctx: Context, trace: NewTrace): Promise<TraceInfo>
  /**
   * Keeps spans; one that was sent before is replaced. Throws as `start` does, and INVALID_ARGUMENT where no span
   * can be taken.
   */
  log(ctx: Context, batch: SpanBatch): Promise<Rejection>
  /** Throws NOT_FOUND. */
  info(ctx: Context, id: string): Promise<TraceInfo>
  /**
   * With all of its spans: those that are still on their way are waited for, a little. Throws NOT_FOUND. `partial`:
   * with those that have come.
   */
  get(ctx: Context, id: string, partial?: boolean): Promise<Trace>
  /** In the order of the ids; what is not there, or in none of the `experiments`, is left out. */
  infos(
    ctx: Context,
    ids: readonly string[],
    experiments?: readonly number[],
  ): Promise<readonly TraceInfo[]>
  /** As `infos`, with their spans; a trace whose spans have not all come is left out. */
  getMany(
    ctx: Context,
    ids: readonly string[],
    experiments?: readonly number[],
  ): Promise<readonly Trace[]>
  /** Traces that match a filter, in order, a page at a time. Throws INVALID_ARGUMENT naming the part. */
  search(ctx: Context, query: TraceQuery): Promise<TracePage>
  /** Throws NOT_FOUND and INVALID_ARGUMENT. */
  setTag(ctx: Context, id: string, key: string, value: string): Promise<void>
  /** Throws NOT_FOUND, for the tag too, and INVALID_ARGUMENT for a tag of the server's. */
  removeTag(ctx: Context, id: string, key: string): Promise<void>
  /** Removes traces with all that hangs on them, for ever; gives how many. */
  remove(ctx: Context, experiment: number, which: DoomedTraces): Promise<number>
  /**
   * Keeps what another tracker kept. Each trace is a unit of its own: one that is refused leaves the others alone, and
   * what is here already is not added again. Outcomes are in the order of what was given.
   */
  adopt(ctx: Context, traces: readonly ImportTrace[]): Promise<ImportedTrace[]>
  /** Makes traces to be found by a run too. Ids that are not there are passed over. */
  linkRun(ctx: Context, ids: readonly string[], run: string): Promise<void>
  /** `NAME/VERSION` of each prompt. Throws NOT_FOUND for the trace. */
  linkPrompts(ctx: Context, id: string, prompts: readonly string[]): Promise<void>
  readonly assessments: Assessments
  readonly issues: Issues
}

export interface TracesDeps extends RemovalDeps {
  readonly clock: Clock
  /** Throws NOT_FOUND for an experiment that is not there, CONFLICT for a deleted one. */
  readonly assertExperiment: (ctx: Context, number: number) => Promise<void>
  /** Throws NOT_FOUND; one that is deleted is found. */
  readonly experimentNamed: (ctx: Context, name: string) => Promise<number>
  /** Where a client is told to put artifacts of a trace. */
  readonly location: (experiment: number, trace: string) => string
  /** How long `get` waits for spans. */
  readonly patienceMs: number
}

/** More than a page of any search; SQLite takes 32,766 parameters. */
const MAX_IDS = 10_000

export function createTraces(deps: TracesDeps): Traces {
  const { catalog, clock, assertExperiment, location, patienceMs } = deps
  const { read } = catalog

  return {
    assessments: createAssessments(deps),
    issues: createIssues(deps),

    async start(ctx, trace) {
      const { id, experiment } = trace
      assertTraceId(id)
      await assertExperiment(ctx, experiment)
      const nowMs = clock.now().getTime()
      return catalog.write(async (tx) => {
        await startTrace(tx, ctx, trace, location(experiment, id), nowMs)
        return getInfo(tx, ctx, id)
      })
    },

    async log(ctx, { experiment, run, origins }) {
      const faults: string[] = []
      const sound = origins.map(({ resource, spans }) => ({
        resource,
        spans: spans.filter((span) => {
          const fault = faultOf(span)
          if (fault !== undefined) faults.push(fault)
          return fault === undefined
        }),
      }))
      const rejection = { spans: faults.length, why: [...new Set(faults)].join('; ') }
      const traces = tracesOf(sound, (trace) => location(experiment, trace), run)
      await assertExperiment(ctx, experiment)
      if (traces.length > 0) await catalog.write((tx) => logSpans(tx, ctx, experiment, traces))
      else if (faults.length > 0) throw new GyreError('INVALID_ARGUMENT', rejection.why)
      return rejection
    },

    info: (ctx, id) => getInfo(read, ctx, id),

    async get(ctx, id, partial = false) {
      const patience = startTimer(patienceMs)
      try {
        for (let committed: Promise<void> | undefined; ; committed = catalog.nextCommit()) {
          const trace = await withSpans(read, ctx, await getInfo(read, ctx, id))
          if (partial || isWhole(trace)) return trace
          // Asked for before this look, so that no commit since is missed.
          if (committed && (await Promise.race([committed, patience.over])) === 'over')
            throw new GyreError('NOT_FOUND', `Trace with ID ${id} is not fully exported yet`, {
              trace: id,
            })
        }
      } finally {
        patience.stop()
      }
    },

    async infos(ctx, ids, experiments) {
      return readInfos(read, await seqsOf(read, ctx, ids, experiments))
    },

    async getMany(ctx, ids, experiments) {
      const infos = await readInfos(read, await seqsOf(read, ctx, ids, experiments))
      const traces = await Promise.all(infos.map((info) => withSpans(read, ctx, info)))
      return traces.filter(isWhole)
    },

    async search(ctx, query) {
      const { seqs, nextToken } = await searchTraces(read, ctx, query)
      return { traces: await readInfos(read, seqs), nextToken }
    },

    async setTag(ctx, id, key, value) {
      assertTagKey(key)
      await catalog.write(async (tx) => {
        await putLabels(tx, 'trace_tags', await seqOf(tx, ctx, id), [keptTag(key, value)])
      })
    },

    async removeTag(ctx, id, key) {
      assertFree(key)
      await catalog.write(async (tx) => {
        const { numDeletedRows } = await tx
          .deleteFrom('trace_tags')
          .where('trace', '=', await seqOf(tx, ctx, id))
          .where('key', '=', key)
          .executeTakeFirst()
        if (numDeletedRows === 0n)
          throw new GyreError('NOT_FOUND', `No trace tag with key '${key}' for trace '${id}'`, {
            key,
          })
      })
    },

    async remove(ctx, experiment, which) {
      if ('ids' in which) assertFew(which.ids)
      return removeTraces(deps, ctx, experiment, which)
    },

    adopt: (ctx, given) =>
      Promise.all(
        given.map((trace) =>
          importTrace(deps, ctx, trace).catch((thrown: unknown): ImportedTrace => ({
            outcome: refusalOf(thrown),
            metadata: [],
            tags: [],
            assessments: [],
            links: [],
            spans: [],
          })),
        ),
      ),

    async linkRun({ project }, ids, run) {
      assertFew(ids)
      await catalog.write(async (tx) => {
        await tx
          .insertInto('trace_runs')
          .columns(['trace', 'run'])
          .expression((eb) =>
            eb
              .selectFrom('traces')
              .select(['seq', eb.val(run).as('run')])
              .where('project', '=', project)
              .where('id', 'in', ids),
          )
          .onConflict((conflict) => conflict.doNothing())
          .execute()
      })
    },

    async linkPrompts(ctx, id, prompts) {
      await catalog.write(async (tx) => {
        const trace = await seqOf(tx, ctx, id)
        for (const prompt of new Set(prompts))
          await tx
            .insertInto('trace_prompts')
            .values({ trace, prompt })
            .onConflict((conflict) => conflict.doNothing())
            .execute()
      })
    },
  }
}

async function seqsOf(
  db: Tx,
  { project }: Context,
  ids: readonly string[],
  experiments: readonly number[] | undefined,
): Promise<readonly number[]> {
  assertFew(ids)
  if (ids.length === 0) return []
  let query = db
    .selectFrom('traces')
    .select(['seq', 'id'])
    .where('project', '=', project)
    .where('id', 'in', ids)
  if (experiments) query = query.where('experiment', 'in', experiments)
  const seqOfId = new Map((await query.execute()).map(({ seq, id }) => [id, seq]))
  return [...new Set(ids)].flatMap((id) => seqOfId.get(id) ?? [])
}

function assertFew(ids: readonly string[]): void {
  if (ids.length > MAX_IDS)
    throw new GyreError('INVALID_ARGUMENT', `trace_ids: expected at most ${MAX_IDS}`, {
      field: 'trace_ids',
    })
}

interface Timer {
  /** Resolves when the time is over. */
  readonly over: Promise<'over'>
  stop(): void
}

function startTimer(ms: number): Timer {
  let timer: NodeJS.Timeout | undefined
  const over = new Promise<'over'>((resolve) => {
    timer = setTimeout(() => resolve('over'), ms)
  })
  return { over, stop: () => clearTimeout(timer) }
}
