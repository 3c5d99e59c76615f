import type { Context } from '../core/context.ts'
import type { Monitor } from '../monitor/monitor.ts'
import type { Releases } from '../release/release.ts'
import type { Routes } from '../routes/routes.ts'
import { advance, type AdvanceDeps } from './advance.ts'
import { loadOpen } from './retrain-row.ts'
import { consumeEvents, watchProgress, type WatchDeps } from './watch.ts'

export interface PassDeps
  extends Omit<AdvanceDeps, 'releases'>, Omit<WatchDeps, 'releases' | 'routes'> {
  readonly monitor: Pick<Monitor, 'due'>
  readonly releases: Pick<Releases, 'open' | 'list' | 'findCanary' | 'analyse'>
  readonly routes: Pick<Routes, 'all' | 'get'>
}

/** Runs one piece of a pass; decides whether its failure ends the pass. False for a failure that does not. */
export type Guard = (work: () => Promise<boolean>) => Promise<boolean>

interface PassOptions {
  readonly guard: Guard
  readonly countLabels: boolean
  /** Look also at endpoints whose event time stands still. */
  readonly everywhere: boolean
}

/** One walk round the loop: windows, triggers, retrainings, canaries. */
export interface Walker {
  /** True when anything was judged, fired or moved, so that another walk may find more to do. */
  pass(options: PassOptions): Promise<boolean>
  /** Event time of an endpoint: its traffic's, or what was said to have come. */
  watermarkMs(ctx: Context, endpoint: string): Promise<number | undefined>
  /** Event time has come at least so far, even where no traffic says so. */
  reach(ctx: Context, endpoint: string, at: Date): void
  /** Some endpoint's event time moved since the last pass. */
  hasMoved(): Promise<boolean>
  /** The last event that was read. */
  position(): number
}

export function createWalker(deps: PassDeps): Walker {
  const reached = new Map<string, number>()
  const walked = new Map<string, number>()
  let position = 0

  async function watermarkMs(ctx: Context, endpoint: string): Promise<number | undefined> {
    const told = reached.get(keyOf(ctx, endpoint))
    const seen = (await deps.predictions.span(ctx, endpoint))?.latestMs
    return told === undefined || seen === undefined ? (told ?? seen) : Math.max(told, seen)
  }

  /** Windows, then what event time and labels call for, then canaries that are overdue. */
  async function walk(ctx: Context, endpoint: string, options: PassOptions): Promise<boolean> {
    const atMs = await watermarkMs(ctx, endpoint)
    if (atMs === undefined) return false
    if (walked.get(keyOf(ctx, endpoint)) === atMs && !options.everywhere) return false
    const judged = await deps.monitor.due(ctx, endpoint, new Date(atMs))
    const { countLabels } = options
    const fired = await watchProgress(deps, ctx, { endpoint, watermarkMs: atMs, countLabels })
    const canary = await deps.releases.findCanary(ctx, endpoint)
    const after = canary && (await deps.releases.analyse(ctx, endpoint))
    walked.set(keyOf(ctx, endpoint), atMs)
    return judged.length > 0 || fired || after?.state !== canary?.state
  }

  async function consume(): Promise<boolean> {
    let fired = false
    for (;;) {
      const consumed = await consumeEvents(deps, position)
      if (!consumed) return fired
      position = consumed.seq
      fired = fired || consumed.fired
    }
  }

  return {
    watermarkMs,
    position: () => position,

    reach(ctx, endpoint, at) {
      const key = keyOf(ctx, endpoint)
      reached.set(key, Math.max(reached.get(key) ?? at.getTime(), at.getTime()))
    },

    async hasMoved() {
      for (const { project, name } of deps.routes.all()) {
        const ctx = asLoop(project)
        if ((await watermarkMs(ctx, name)) !== walked.get(keyOf(ctx, name))) return true
      }
      return false
    },

    async pass(options) {
      const { guard } = options
      let moved = false
      for (const { project, name } of deps.routes.all())
        moved = (await guard(() => walk(asLoop(project), name, options))) || moved
      moved = (await guard(consume)) || moved
      for (const retrain of await loadOpen(deps.catalog.read))
        moved = (await guard(() => advance(deps, retrain))) || moved
      return moved
    },
  }
}

function keyOf({ project }: Context, endpoint: string): string {
  return `${project}/${endpoint}`
}

function asLoop(project: string): Context {
  return { project, actor: 'loop', requestId: 'loop' }
}
