import type { LogPiece } from '@gyre/sdk/wire/log'
import type { HeldRunEnd, HeldRunStart, Run, RunCheckpoint } from '@gyre/sdk/wire/run'
import { sql } from 'kysely'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { durationMs } from '../core/duration.ts'
import { GyreError, toGyreError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import type { Catalog, Tx } from '../store/catalog.ts'
import type { RunLogs } from '../store/run-logs.ts'
import type { Runs } from '../store/runs.ts'
import { assertBatch } from './batch.ts'
import { checkpointOf, forgetCheckpoint, putCheckpoint } from './run-checkpoint.ts'
import { assertActive, getExperiment, type Experiment, type Experiments } from './experiments.ts'

/**
 * Runs that a program outside the server makes. It says again and again that it goes on; when it is silent for longer
 * than it said, the run is lost, and goes on when it is heard again.
 */
export interface HeldRuns {
  /**
   * Throws INVALID_ARGUMENT, and CONFLICT when the experiment is deleted, or the run that it goes on from runs or has
   * succeeded.
   */
  start(ctx: Context, run: HeldRunStart): Promise<Run>
  /** Throws NOT_FOUND, and CONFLICT for a run that nobody holds (any more). */
  beat(ctx: Context, id: string, hold: string): Promise<Run>
  /** What its program printed after `start` characters; told again it changes nothing. Throws as `beat`. */
  log(ctx: Context, id: string, piece: LogPiece): Promise<void>
  /** What it may be gone on from. Throws as `beat`, and INVALID_ARGUMENT for one that is not later than the last. */
  checkpoint(ctx: Context, id: string, checkpoint: RunCheckpoint): Promise<void>
  /** The last one; undefined for a run without. Throws NOT_FOUND. */
  lastCheckpoint(ctx: Context, id: string): Promise<RunCheckpoint | undefined>
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
  readonly logs: Pick<RunLogs, 'append'>
  readonly experiments: Experiments
  readonly clock: Clock
  /** Gives a run the points of another that a checkpoint of that one stands for. */
  readonly inheritMetrics: (
    tx: Tx,
    ctx: Context,
    from: Pick<RunCheckpoint, 'step' | 'artifact'> & {
      readonly runId: string
      readonly committedMs: number
    },
    heir: string,
  ) => Promise<void>
  readonly log: Log
}

/** Bounds of what a holder may promise: it must be able to keep it, and a day of silence is an end. */
const HOLD_MS = { least: 1_000, most: 24 * 3_600_000 } as const
const LOOK_EVERY_MS = 2_000
/** What holders have to be heard after the server was away. */
const RETURN_MS = 60_000

export function createHeldRuns(deps: HeldRunsDeps): HeldRuns {
  const { catalog, runs, logs, experiments, clock, log } = deps
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

  /** As an input of the run that goes on from it. Throws NOT_FOUND; CONFLICT for a run that runs, or has succeeded. */
  async function resumedBy(tx: Tx, ctx: Context, resumes: string | undefined) {
    if (resumes === undefined) return []
    const { status } = await runs.get(ctx, resumes, tx)
    if (status === 'running')
      throw new GyreError(
        'CONFLICT',
        `resumes: ${resumes} still runs; where its program was killed it is lost as soon as it was silent for the time that it said (--hold)`,
        { field: 'resumes', status },
      )
    if (status === 'succeeded')
      throw new GyreError('CONFLICT', `resumes: ${resumes} has succeeded: nothing is left to do`, {
        field: 'resumes',
        status,
      })
    return [{ ref: `run:${resumes}`, role: 'resumes' }]
  }

  /** Without a checkpoint there is nothing to go on from: it begins anew. */
  async function inherit(tx: Tx, ctx: Context, from: string, heir: string): Promise<void> {
    const checkpoint = await checkpointOf(tx, ctx, from)
    if (!checkpoint) return
    const { atMs: committedMs, ...held } = checkpoint
    await deps.inheritMetrics(tx, ctx, { ...held, runId: from, committedMs }, heir)
    await putCheckpoint(tx, ctx, heir, checkpoint)
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
    async start(ctx, { hold: asked, experiment, tags, code, seed, resumes, ...run }) {
      const forMs = holdMs(asked)
      const labels = { params: labelsOf(run.params), tags: labelsOf(tags) }
      assertBatch({ metrics: [], ...labels })
      const { number } = await experimentNamed(ctx, experiment)
      return catalog.write(async (tx) => {
        assertActive(await getExperiment(tx, ctx, number))
        const inputs = [...run.inputs, ...(await resumedBy(tx, ctx, resumes))]
        const started = await runs.start(
          ctx,
          {
            ...run,
            inputs,
            tags: { ...tags, 'mlflow.runName': run.name },
            ...(Object.keys(code).length === 0 ? {} : { code }),
            ...(seed === undefined ? {} : { seed }),
            tracked: { experiment: number, userId: ctx.actor, startMs: clock.now().getTime() },
          },
          tx,
        )
        await hold(tx, started.id, forMs)
        if (resumes !== undefined) await inherit(tx, ctx, resumes, started.id)
        return runs.get(ctx, started.id, tx)
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

    async log(ctx, id, piece) {
      await heldRun(catalog.read, ctx, id)
      await logs.append(ctx, id, piece)
    },

    checkpoint: (ctx, id, checkpoint) =>
      catalog.write(async (tx) => {
        await heldRun(tx, ctx, id)
        await putCheckpoint(tx, ctx, id, checkpoint)
      }),

    lastCheckpoint: (ctx, id) => checkpointOf(catalog.read, ctx, id),

    end: (ctx, id, { written, ...end }) =>
      catalog.write(async (tx) => {
        const { status } = await heldRun(tx, ctx, id)
        if (status !== 'running') await runs.amend(ctx, id, { phase: 'RUNNING' }, tx)
        await tx.updateTable('runs').set({ held_until: null }).where('id', '=', id).execute()
        if (end.status === 'succeeded') await forgetCheckpoint(tx, ctx, id)
        if (written) await runs.addWritten(ctx, id, written, tx)
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
