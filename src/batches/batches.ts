import type { Batch, BatchShard, StartBatch } from '@gyre/sdk/wire/batch'
import { EndpointSpec } from '@gyre/sdk/wire/endpoint'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { toGyreError, type GyreError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import { createTurns } from '../core/turns.ts'
import type { Routes } from '../routes/routes.ts'
import type { HeldArm } from '../serve/held-arm.ts'
import type { Serve } from '../serve/serve.ts'
import { dropPrepared, getBatch, shardsOf, toBatch, unfinished } from './batch-store.ts'
import { readRows } from './columns.ts'
import { openRows } from './input-file.ts'
import { runJob, type JobDeps } from './job.ts'

/** Errors of the machine, not of the file: what is done is done, the rest is tried again. */
const PASSING: ReadonlySet<string> = new Set(['OVERLOADED', 'UNAVAILABLE', 'TIMEOUT'])
const MOST_TRIES = 6
/** Before the second try; each later one waits that much longer. */
const WAIT_MS = 2_000

export interface BatchesDeps extends JobDeps {
  readonly routes: Pick<Routes, 'find' | 'pick'>
  readonly serve: Pick<Serve, 'hold'>
  readonly clock: Clock
  readonly log: Log
}

/** Answers for files of rows, by what answers requests, behind every request. */
export interface Batches {
  /**
   * Begins a batch and answers at once; the version that is stable now answers all of it, one batch after the other.
   * Throws NOT_FOUND (endpoint, bytes), UNAVAILABLE (nothing released), INVALID_INPUT naming the column.
   */
  start(ctx: Context, endpoint: string, asked: StartBatch): Promise<Batch>
  /** Throws NOT_FOUND. */
  get(ctx: Context, id: string): Promise<Batch>
  /** Newest first. */
  list(ctx: Context, limit: number): Promise<readonly Batch[]>
  /** Finished files of answers behind `after`, in their order. Throws NOT_FOUND. */
  shards(ctx: Context, id: string, after: number, limit: number): Promise<readonly BatchShard[]>
  /** Stops it where it is; its finished shards stay. Throws NOT_FOUND, CONFLICT once it has ended. */
  cancel(ctx: Context, id: string): Promise<Batch>
  /** Goes on with what an earlier server left. */
  resume(): Promise<void>
  /** Leaves what is under way to the next server. */
  close(): Promise<void>
}

export function createBatches(deps: BatchesDeps): Batches {
  const { catalog, runs, routes, serve, clock, log, sleep } = deps
  const turns = createTurns()
  const stopping = new AbortController()
  const working = new Map<
    string,
    { readonly done: Promise<void>; readonly stop: AbortController }
  >()

  function work(ctx: Context, id: string, hold: () => Promise<HeldArm>): void {
    const stop = new AbortController()
    const signal = AbortSignal.any([stop.signal, stopping.signal])
    const done = turns('batch', () => attempt(ctx, id, hold, signal)).finally(() =>
      working.delete(id),
    )
    working.set(id, { done, stop })
  }

  async function attempt(
    ctx: Context,
    id: string,
    hold: () => Promise<HeldArm>,
    signal: AbortSignal,
  ): Promise<void> {
    for (let tries = 1; tries === 1 || !signal.aborted; tries++) {
      let held: HeldArm | undefined
      try {
        held = await hold()
        if (signal.aborted) return
        return await runJob(deps, ctx, id, held, signal)
      } catch (thrown) {
        const error = toGyreError(thrown)
        if (signal.aborted || error.code === 'CANCELLED') return
        if (!PASSING.has(error.code) || tries === MOST_TRIES) return await fail(ctx, id, error)
        log.warn({ err: error, batch: id, tries }, 'a batch is tried again')
        await sleep(tries * WAIT_MS, signal)
      } finally {
        held?.close()
      }
    }
  }

  /** Nothing that is said here may end the server. */
  async function fail(ctx: Context, id: string, error: GyreError): Promise<void> {
    const { code, message } = error
    log.error({ err: error, batch: id }, 'a batch failed')
    try {
      await catalog.write(async (tx) => {
        await runs.finish(ctx, id, { status: 'failed', error: { code, message } }, tx)
        await dropPrepared(tx, id)
      })
    } catch (thrown) {
      log.error({ err: thrown, batch: id }, 'that a batch failed could not be recorded')
    }
  }

  async function get(ctx: Context, id: string): Promise<Batch> {
    const row = await getBatch(catalog.read, ctx.project, id)
    return toBatch(catalog.read, row, await runs.get(ctx, id))
  }

  return {
    get,

    async start(ctx, name, { digest, name: fileName, format, shardRows, at }) {
      const { spec } = routes.find(ctx.project, name)
      const { model } = routes.pick(ctx.project, name, { subject: undefined, asked: 'stable' })
      const source = await openRows(deps, { digest, format }, spec)
      const held = await serve.hold(ctx, spec, model)
      let id: string
      try {
        readRows(spec, held, source.columns, at)
        id = await catalog.write(async (tx) => {
          const run = await runs.start(
            ctx,
            {
              kind: 'batch',
              name,
              params: { endpoint: name, model, shardRows, ...(at !== undefined && { at }) },
              inputs: [
                { ref: `file:${fileName}`, role: 'rows', digest },
                { ref: model, role: 'model' },
              ],
            },
            tx,
          )
          await tx
            .insertInto('batches')
            .values({
              run_id: run.id,
              project: ctx.project,
              endpoint: name,
              model,
              spec: JSON.stringify(spec),
              name: fileName,
              format,
              digest,
              at_column: at ?? null,
              at_ms: clock.now().getTime(),
              shard_rows: shardRows,
              prepared_digest: null,
              row_count: null,
              columns: null,
            })
            .execute()
          return run.id
        })
      } catch (thrown) {
        held.close()
        throw thrown
      }
      let isFresh = true
      work(ctx, id, async () => {
        if (!isFresh) return serve.hold(ctx, spec, model)
        isFresh = false
        return held
      })
      return get(ctx, id)
    },

    async list(ctx, limit) {
      const { runs: found } = await runs.list(ctx, { kind: 'batch' }, limit)
      return Promise.all(found.map(({ id }) => get(ctx, id)))
    },

    async shards(ctx, id, after, limit) {
      await getBatch(catalog.read, ctx.project, id)
      return shardsOf(catalog.read, id, after, limit)
    },

    async cancel(ctx, id) {
      await getBatch(catalog.read, ctx.project, id)
      await catalog.write(async (tx) => {
        await runs.finish(ctx, id, { status: 'cancelled' }, tx)
        await dropPrepared(tx, id)
      })
      working.get(id)?.stop.abort()
      return get(ctx, id)
    },

    async resume() {
      for (const { run_id: id, project, actor } of await unfinished(catalog.read)) {
        const ctx = { project, actor, requestId: id }
        const { spec, model } = await getBatch(catalog.read, project, id)
        work(ctx, id, () => serve.hold(ctx, EndpointSpec.parse(JSON.parse(spec)), model))
      }
    },

    async close() {
      stopping.abort()
      await Promise.all([...working.values()].map(({ done }) => done))
    },
  }
}
