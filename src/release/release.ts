import type { OpenRelease, Release, ReleaseStatus } from '@gyre/sdk/wire/release'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import { assertNotFuture } from '../core/future.ts'
import type { NewId } from '../core/id.ts'
import type { Log } from '../core/log.ts'
import { createTurns } from '../core/turns.ts'
import type { Registry } from '../registry/registry.ts'
import type { Routes } from '../routes/routes.ts'
import type { Catalog } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import type { Leases } from '../store/lease.ts'
import { createCounters, type Flushed } from './counters.ts'
import { approveStage } from './approving.ts'
import { judgeCanary } from './judging.ts'
import { advanceCanary, promoteCanary, swapBack, takeBackCanary } from './moves.ts'
import { assertItsModel, openRelease } from './opening.ts'
import type { Cell, Outcome } from './outcome-tally.ts'
import { createOwedRollbacks } from './owed-rollback.ts'
import { findOpen, getRelease, listReleases } from './release-row.ts'
import { createShadowCounters, type ShadowOutcome } from './shadow-counters.ts'
import type { ReadRewards } from './steering.ts'
import { releaseStatus } from './status.ts'

/** Between two looks at a bandit's rewards, which read the log of predictions. */
const STEER_MS = 10_000

export interface ReleaseDeps {
  readonly catalog: Catalog
  readonly events: Events
  readonly leases: Leases
  readonly clock: Clock
  readonly newId: NewId
  readonly log: Log
  readonly routes: Routes
  readonly registry: Registry
  /** Loads a version where it will answer as that; throws when it cannot be loaded. */
  readonly ensure: (
    ctx: Context,
    endpoint: string,
    model: string,
    as: 'primary' | 'shadow',
  ) => Promise<void>
  /** The endpoint's event time, ISO; null before its first prediction. */
  readonly eventTime: (ctx: Context, endpoint: string) => Promise<string | null>
  /** What came back for the arms of a bandit. */
  readonly rewards: ReadRewards
  /** Names this server among those that count. */
  readonly writer: string
}

/** The only writer of routes: brings versions to endpoints, watches canaries and takes them back. */
export interface Releases {
  /**
   * Opens a release, immediate where the endpoint has none yet. Throws APPROVAL_MISSING and GATE_REFUSED
   * (unless forced with a reason, which is recorded), CONFLICT while a canary is open or when the version is
   * stable already, NOT_FOUND, INVALID_ARGUMENT (an `at` in the future, another model), and what loading the model throws.
   */
  open(ctx: Context, endpoint: string, request: OpenRelease): Promise<Release>
  /**
   * Gives an open canary all traffic, whatever its stage. Throws CONFLICT when none is open, APPROVAL_MISSING,
   * GATE_REFUSED, and NOT_FOUND for an unknown endpoint.
   */
  promote(ctx: Context, endpoint: string, why?: string): Promise<Release>
  /** Lets a canary go on to its next stage without waiting for proof. Throws as `promote`. */
  advance(ctx: Context, endpoint: string, why?: string): Promise<Release>
  /** As `advance`, for a stage that has passed and waits for a person. Throws CONFLICT too where it has not passed. */
  approve(ctx: Context, endpoint: string, why?: string): Promise<Release>
  /** Takes the open release back. Throws CONFLICT when none is open; else as `rollback`. */
  abort(ctx: Context, endpoint: string, reason: string): Promise<Release>
  /** The open release, else the newest one, and what each of its stages has shown. Throws NOT_FOUND. */
  status(ctx: Context, endpoint: string): Promise<ReleaseStatus>
  /**
   * Takes an open canary back, else returns to the version before the stable one. Throws CONFLICT when there
   * is neither, NOT_FOUND for an unknown endpoint. Where the catalog refuses to write, a canary loses its
   * traffic in memory at once, the record follows, and the error says so.
   */
  rollback(ctx: Context, endpoint: string, reason: string): Promise<Release>
  /**
   * Judges the open canary by what was counted so far and acts on it; undefined when none was open. Throws
   * NOT_FOUND for an unknown endpoint.
   */
  analyse(ctx: Context, endpoint: string): Promise<Release | undefined>
  /** Counts one request under an open canary; the analysis follows within a second. */
  count(outcome: Outcome): void
  /**
   * Takes a canary back whose worker has died again and again: who asked for it by header is no evidence, but dead is
   * dead. Returns at once; told again of the same release it does nothing.
   */
  crashed(crash: Crash): void
  /** Sums up what became of one request that a shadow was to answer. */
  countShadow(outcome: ShadowOutcome): void
  findCanary(ctx: Context, endpoint: string): Promise<Release | undefined>
  /** Throws NOT_FOUND. */
  get(ctx: Context, id: string): Promise<Release>
  /** Newest first; of one endpoint when given. */
  list(ctx: Context, endpoint?: string): Promise<readonly Release[]>
  close(): Promise<void>
}

/** A canary's worker that died too often. */
export interface Crash {
  readonly project: string
  readonly endpoint: string
  readonly releaseId: string
  readonly reason: string
}

interface Steer {
  readonly by: string
  readonly why: string | undefined
}

type Move = typeof promoteCanary

export function createReleases(deps: ReleaseDeps): Releases {
  const { catalog, routes, registry, log, writer } = deps
  const turns = createTurns()
  const owed = createOwedRollbacks({
    log,
    returnToStable: (project, endpoint) => routes.returnToStable(project, endpoint),
    write: (ctx, endpoint, grounds) =>
      catalog.write(async (tx) => {
        const release = await findOpen(tx, ctx, endpoint)
        if (release) await takeBackCanary(deps, tx, ctx, release, grounds)
      }),
  })
  const counters = createCounters({ catalog, log, writer, onFlushed: judgeAll })
  /** When the shares of a bandit were looked at last, monotonic. */
  const steered = new Map<string, number>()
  /** Releases whose end by a crash loop is under way or over. */
  const dead = new Set<string>()
  const shadows = createShadowCounters({ catalog, log, writer })
  const inTurn = <T>(ctx: Context, endpoint: string, work: () => Promise<T>) =>
    turns(`${ctx.project}/${endpoint}`, work)

  function isSteeringDue(releaseId: string): boolean {
    const nowMs = deps.clock.monotonicMs()
    if (nowMs - (steered.get(releaseId) ?? -Infinity) < STEER_MS) return false
    steered.set(releaseId, nowMs)
    return true
  }

  function judge(ctx: Context, endpoint: string, unwritten: readonly Cell[] = []) {
    const judging = { ...deps, owed, holder: writer, isSteeringDue }
    return inTurn(ctx, endpoint, () => judgeCanary(judging, ctx, endpoint, unwritten))
  }

  async function judgeAll(flushed: readonly Flushed[]): Promise<void> {
    for (const { project, endpoint, releaseId, unwritten } of flushed)
      try {
        await judge({ project, actor: 'local', requestId: releaseId }, endpoint, unwritten)
      } catch (error) {
        log.error({ err: error, endpoint }, 'a canary could not be judged')
      }
  }

  /** A person moves the open release on: by the gate's leave, in one unit. */
  function steer(ctx: Context, endpoint: string, { by, why }: Steer, move: Move) {
    return inTurn(ctx, endpoint, async () => {
      routes.find(ctx.project, endpoint)
      const at = await deps.eventTime(ctx, endpoint)
      const before = await findOpen(catalog.read, ctx, endpoint)
      // What has only been a shadow is not where requests are answered yet.
      if (before?.kind === 'shadow') await deps.ensure(ctx, endpoint, before.to, 'primary')
      const reason = `${by} by ${ctx.actor}${why === undefined ? '' : `: ${why}`}`
      const release = await catalog.write(async (tx) => {
        const open = await findOpen(tx, ctx, endpoint)
        if (!open) throw noneOpen(endpoint)
        if (open.forced === null) await registry.assertReleasable(tx, ctx, open.to)
        await move(deps, tx, ctx, open, { reason, analysis: open.analysis, at })
        return getRelease(tx, ctx, open.id)
      })
      await routes.refresh()
      return release
    })
  }

  /** Undefined where nothing is open. */
  async function takeBack(ctx: Context, endpoint: string, reason: string, at: string | null) {
    const open = await findOpen(catalog.read, ctx, endpoint)
    if (!open) return undefined
    await owed.takeBack(ctx, endpoint, { reason, analysis: open.analysis, at })
    return getRelease(catalog.read, ctx, open.id)
  }

  return {
    count: (outcome) => counters.count(outcome),
    crashed({ project, endpoint, releaseId, reason }) {
      if (dead.has(releaseId)) return
      dead.add(releaseId)
      const ctx = { project, actor: 'policy:crash-loop', requestId: releaseId }
      const work = inTurn(ctx, endpoint, async () => {
        const open = await findOpen(catalog.read, ctx, endpoint)
        if (open?.id !== releaseId) return
        const at = await deps.eventTime(ctx, endpoint)
        await owed.takeBack(ctx, endpoint, { reason, analysis: open.analysis, at })
        await routes.refresh()
      })
      work.catch((error: unknown) => log.error({ err: error, endpoint }, 'a dead canary stays'))
    },
    countShadow: (outcome) => shadows.count(outcome),
    findCanary: (ctx, endpoint) => findOpen(catalog.read, ctx, endpoint),
    get: (ctx, id) => getRelease(catalog.read, ctx, id),
    list: (ctx, endpoint) => listReleases(catalog.read, ctx, endpoint),

    open: (ctx, endpoint, request) =>
      inTurn(ctx, endpoint, async () => {
        const version = await registry.get(ctx, request.model)
        const { spec, state } = routes.find(ctx.project, endpoint)
        assertItsModel(endpoint, spec.model, version.ref)
        const isShadow = request.plan.kind === 'shadow' && state.stable !== null
        const as = isShadow ? 'shadow' : 'primary'
        await deps.ensure(ctx, endpoint, version.ref, as)
        const at = atOf(request, deps.clock) ?? (await deps.eventTime(ctx, endpoint))
        const release = await catalog.write((tx) =>
          openRelease(deps, tx, ctx, { endpoint, version, request, at }),
        )
        await routes.refresh()
        return release
      }),

    promote: (ctx, endpoint, why) => steer(ctx, endpoint, { by: 'promoted', why }, promoteCanary),
    advance: (ctx, endpoint, why) => steer(ctx, endpoint, { by: 'advanced', why }, advanceCanary),

    async approve(ctx, endpoint, why) {
      routes.find(ctx.project, endpoint)
      await counters.flush()
      return steer(ctx, endpoint, { by: 'approved', why }, approveStage)
    },

    rollback: (ctx, endpoint, reason) =>
      inTurn(ctx, endpoint, async () => {
        const at = await deps.eventTime(ctx, endpoint)
        const release =
          (await takeBack(ctx, endpoint, reason, at)) ??
          (await catalog.write((tx) => swapBack(deps, tx, ctx, { endpoint, reason, at })))
        await routes.refresh()
        return release
      }),

    abort: (ctx, endpoint, reason) =>
      inTurn(ctx, endpoint, async () => {
        routes.find(ctx.project, endpoint)
        const at = await deps.eventTime(ctx, endpoint)
        const release = await takeBack(ctx, endpoint, reason, at)
        if (!release) throw noneOpen(endpoint)
        await routes.refresh()
        return release
      }),

    async status(ctx, endpoint) {
      routes.find(ctx.project, endpoint)
      await Promise.all([counters.flush(), shadows.flush()])
      return releaseStatus({ db: catalog.read, routes, rewards: deps.rewards }, ctx, endpoint)
    },

    async analyse(ctx, endpoint) {
      routes.find(ctx.project, endpoint)
      const open = await findOpen(catalog.read, ctx, endpoint)
      if (!open) return undefined
      steered.delete(open.id)
      await counters.flush()
      await judge(ctx, endpoint)
      const release = await getRelease(catalog.read, ctx, open.id)
      if (release.state !== 'open') await routes.refresh()
      return release
    },

    async close() {
      await Promise.all([counters.close(), shadows.close()])
      owed.close()
    },
  }
}

/** The event time that a request brings along. Throws INVALID_ARGUMENT for the future. */
function atOf({ at }: OpenRelease, clock: Clock): string | undefined {
  if (at === undefined) return undefined
  const instant = new Date(at)
  assertNotFuture(instant, 'at', clock)
  return instant.toISOString()
}

function noneOpen(endpoint: string): GyreError {
  return new GyreError('CONFLICT', `${endpoint} has no open canary`, { endpoint })
}
