import type { HeldRunEnd, HeldRunStart, Run } from '@gyre/sdk/wire/run'
import { sql } from 'kysely'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { durationMs } from '../core/duration.ts'
import { GyreError, toGyreError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import type { Catalog, Tx } from '../store/catalog.ts'
import type { Runs } from '../store/runs.ts'
import { assertBatch } from './batch.ts'
import { assertActive, getExperiment, type Experiment, type Experiments } from './experiments.ts'

/**
 * Runs that a program outside the server makes. It says again and again that it goes on; when it is silent for longer
 * than it said, the run is lost, and goes on when it is heard again.
 */
export interface HeldRuns {
  /** Throws INVALID_ARGUMENT, and CONFLICT when the experiment is deleted. */
  start(ctx: Context, run: HeldRunStart): Promise<Run>
  /** Throws NOT_FOUND, and CONFLICT for a run that nobody holds (any more). */
  beat(ctx: Context, id: string, hold: string): Promise<Run>
  /** What its holder says of the end holds, whatever a client has said before. Throws as `beat`. */
  end(ctx: Context, id: string, end: HeldRunEnd): Promise<Run>
  /** Ends as lost, in every project, those that are silent. */
  loseSilent(): Promise<void>
  /** Looks for silent ones from now on; whoever could not be heard while the server was away gets time first. */
  watch(): Promise<void>
  close(): void
}

export interface HeldRunsDeps {
  readonly catalog: Catalog
  readonly runs: Runs
  readonly experiments: Experiments
  readonly clock: Clock
  readonly log: Log
}

/** Bounds of what a holder may promise: it must be able to keep it, and a day of silence is an end. */
const HOLD_MS = { least: 1_000, most: 24 * 3_600_000 } as const
const LOOK_EVERY_MS = 2_000
/** What holders have to be heard after the server was away. */
const RETURN_MS = 60_000

export function createHeldRuns(deps: HeldRunsDeps): HeldRuns {
  const { catalog, runs, experiments, clock, log } = deps
  let looking: NodeJS.Timeout | undefined

  async function experimentNamed(ctx: Context, name: string): Promise<Experiment> {
    try {
      return await experiments.byName(ctx, name)
    } catch (thrown) {
      if (toGyreError(thrown).code !== 'NOT_FOUND') throw thrown
    }
    try {
      return await experiments.create(ctx, { name })
    } catch (thrown) {
      // Somebody has made it since.
      if (toGyreError(thrown).code !== 'ALREADY_EXISTS') throw thrown
      return experiments.byName(ctx, name)
    }
  }

  async function loseSilent(): Promise<void> {
    const silent = await catalog.read
      .selectFrom('runs')
      .select(['project', 'id', 'actor'])
      .where('held_until', '<=', NOW)
      .where('status', '=', 'running')
      .execute()
    const error = { code: 'UNAVAILABLE', message: 'the program that made it fell silent' }
    for (const { project, id, actor } of silent) {
      const ctx = { project, actor, requestId: id }
      await catalog.write(async (tx) => {
        const { status } = await heldRun(tx, ctx, id)
        const isSilent = await tx
          .selectFrom('runs')
          .select('id')
          .where('id', '=', id)
          .where('held_until', '<=', NOW)
          .executeTakeFirst()
        if (isSilent && status === 'running')
          await runs.finish(ctx, id, { status: 'lost', error }, tx)
      })
    }
  }

  /** Throws NOT_FOUND, and CONFLICT for a run that nobody holds. */
  async function heldRun(tx: Tx, ctx: Context, id: string): Promise<Run> {
    const run = await runs.get(ctx, id, tx)
    const held = await tx
      .selectFrom('runs')
      .select('id')
      .where('id', '=', id)
      .where('held_until', 'is not', null)
      .executeTakeFirst()
    if (held) return run
    throw new GyreError(
      'CONFLICT',
      `nobody holds the run ${id}, which is ${run.status}: only who started it, and has not ended it, says how it goes on`,
      { id, status: run.status },
    )
  }

  return {
    async start(ctx, { hold: asked, experiment, tags, code, seed, ...run }) {
      const forMs = holdMs(asked)
      const labels = { params: labelsOf(run.params), tags: labelsOf(tags) }
      assertBatch({ metrics: [], ...labels })
      const { number } = await experimentNamed(ctx, experiment)
      return catalog.write(async (tx) => {
        assertActive(await getExperiment(tx, ctx, number))
        const started = await runs.start(
          ctx,
          {
            ...run,
            tags: { ...tags, 'mlflow.runName': run.name },
            ...(Object.keys(code).length === 0 ? {} : { code }),
            ...(seed === undefined ? {} : { seed }),
            tracked: { experiment: number, userId: ctx.actor, startMs: clock.now().getTime() },
          },
          tx,
        )
        await hold(tx, started.id, forMs)
        return started
      })
    },

    async beat(ctx, id, asked) {
      const forMs = holdMs(asked)
      return catalog.write(async (tx) => {
        const { status } = await heldRun(tx, ctx, id)
        await hold(tx, id, forMs)
        if (status !== 'lost') return runs.get(ctx, id, tx)
        await tx.updateTable('runs').set({ error: null }).where('id', '=', id).execute()
        return runs.amend(ctx, id, { phase: 'RUNNING', endMs: null }, tx)
      })
    },

    end: (ctx, id, end) =>
      catalog.write(async (tx) => {
        const { status } = await heldRun(tx, ctx, id)
        if (status !== 'running') await runs.amend(ctx, id, { phase: 'RUNNING' }, tx)
        await tx.updateTable('runs').set({ held_until: null }).where('id', '=', id).execute()
        return runs.finish(ctx, id, end, tx)
      }),

    loseSilent,

    async watch() {
      await catalog.write(async (tx) => {
        await tx
          .updateTable('runs')
          .set({
            held_until: sql<number>`max(held_until, unixepoch('subsec') + ${RETURN_MS / 1000})`,
          })
          .where('held_until', 'is not', null)
          .execute()
      })
      looking = setInterval(() => {
        loseSilent().catch((error: unknown) => log.warn({ err: error }, 'silent runs'))
      }, LOOK_EVERY_MS)
      looking.unref()
    },

    close: () => clearInterval(looking),
  }
}

const NOW = sql<number>`unixepoch('subsec')`

async function hold(tx: Tx, id: string, forMs: number): Promise<void> {
  const held_until = sql<number>`unixepoch('subsec') + ${forMs / 1000}`
  await tx.updateTable('runs').set({ held_until }).where('id', '=', id).execute()
}

function holdMs(text: string): number {
  const ms = durationMs(text, 'hold')
  if (ms >= HOLD_MS.least && ms <= HOLD_MS.most) return ms
  throw new GyreError('INVALID_ARGUMENT', `hold: expected 1s to 1d, got ${text}`, {
    field: 'hold',
    got: text,
  })
}

function labelsOf(record: Readonly<Record<string, string>>) {
  return Object.entries(record).map(([key, value]) => ({ key, value }))
}
