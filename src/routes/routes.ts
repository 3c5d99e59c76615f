import { EndpointSpec } from '@gyre/sdk/wire/endpoint'
import type { RouteState } from '@gyre/sdk/wire/release'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import type { Random } from '../core/random.ts'
import type { Catalog, Tx } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import { follow } from './follow.ts'
import { pick, type Asker, type Picked } from './pick.ts'
import { moveRow } from './route-row.ts'
import {
  Arms,
  loadSnapshot,
  routedEndpoints,
  toRoutedEndpoint,
  type RoutedEndpoint,
} from './snapshot.ts'

export interface RoutesDeps {
  readonly catalog: Catalog
  readonly events: Events
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/**
 * Endpoints and the row that decides their traffic. `find`, `list` and `pick` answer from memory, a few
 * milliseconds behind the catalog at most; `get` answers from the catalog.
 */
export interface Routes {
  /** Declares endpoints or changes their declaration; traffic stays as it is. */
  declare(tx: Tx, ctx: Context, spec: EndpointSpec, code: string | null): Promise<void>
  /**
   * Declares an endpoint outside of any project's code. Throws CONFLICT for one that a project declares, and for one
   * that answers with another model.
   */
  declareAlone(ctx: Context, spec: EndpointSpec): Promise<EndpointSpec>
  /** Throws NOT_FOUND naming the endpoints there are. */
  find(project: string, endpoint: string): RoutedEndpoint
  /** The project's endpoints, by name. */
  list(project: string): readonly RoutedEndpoint[]
  /** Every endpoint of every project. */
  all(): readonly RoutedEndpoint[]
  /** Who answers this request. Throws NOT_FOUND, and UNAVAILABLE where nothing was released. */
  pick(project: string, endpoint: string, asker: Asker): Picked
  /** The project's endpoints as committed, or as seen by `tx`, by name. */
  committed(ctx: Context, tx?: Tx): Promise<readonly RoutedEndpoint[]>
  /** The route as committed, or as seen by `tx`. Throws NOT_FOUND. */
  get(ctx: Context, endpoint: string, tx?: Tx): Promise<RouteState>
  /**
   * Moves the route from `expectedRev` to the next revision, with its event, in the caller's unit; the `release`
   * room alone calls it. Throws CONFLICT when somebody else moved it first.
   */
  write(
    tx: Tx,
    ctx: Context,
    endpoint: string,
    expectedRev: number,
    next: Arms,
  ): Promise<RouteState>
  /**
   * Sends all traffic to the stable arm in memory only, until the route row moves: for when the catalog
   * cannot be written and a canary is failing.
   */
  returnToStable(project: string, endpoint: string): void
  /** Resolves when memory shows every write committed before the call. */
  refresh(): Promise<void>
  /** Resolves when memory shows another route than now, or when closed. */
  changed(): Promise<void>
  close(): Promise<void>
}

/** Events after which the snapshot is read anew. */
const FOLLOWED = ['endpoint.declared', 'route.moved']

export async function createRoutes(deps: RoutesDeps): Promise<Routes> {
  const { catalog, events, clock, random, log } = deps
  const cursor = (await events.latest())?.seq ?? 0
  let snapshot = await loadSnapshot(catalog)
  /** Project and endpoint → the revision whose canary is out of service. */
  const withoutCanary = new Map<string, number>()
  const waiting: (() => void)[] = []
  let lastRefresh = Promise.resolve()

  async function load(): Promise<void> {
    snapshot = await loadSnapshot(catalog)
    for (const wake of waiting.splice(0)) wake()
  }

  /** One after the other, so that an older read never replaces a newer one. */
  function refresh(): Promise<void> {
    lastRefresh = lastRefresh.then(load, load)
    return lastRefresh
  }

  function find(project: string, endpoint: string): RoutedEndpoint {
    const found = snapshot.get(project)?.get(endpoint)
    if (found) return found
    throw unknownEndpoint(endpoint, [...(snapshot.get(project)?.keys() ?? [])])
  }

  async function declare(
    tx: Tx,
    ctx: Context,
    spec: EndpointSpec,
    code: string | null,
  ): Promise<void> {
    const row = {
      spec: JSON.stringify(EndpointSpec.parse(spec)),
      code,
      updated_at: clock.now().toISOString(),
    }
    await tx
      .insertInto('endpoints')
      .values({ project: ctx.project, name: spec.name, ...row })
      .onConflict((conflict) => conflict.columns(['project', 'name']).doUpdateSet(row))
      .execute()
    await events.append(tx, ctx, {
      type: 'endpoint.declared',
      subject: { kind: 'endpoint', id: spec.name },
      data: { model: spec.model, code },
    })
  }

  const stopping = new AbortController()
  const followed = follow(
    { events, types: FOLLOWED, cursor, log, signal: stopping.signal },
    refresh,
  )

  return {
    find,
    refresh,
    list: (project) => [...(snapshot.get(project)?.values() ?? [])],
    all: () => [...snapshot.values()].flatMap((endpoints) => [...endpoints.values()]),
    changed: () => new Promise((resolve) => waiting.push(resolve)),

    pick(project, endpoint, asker) {
      const { state } = find(project, endpoint)
      const isHeldBack = withoutCanary.get(`${project}/${endpoint}`) === state.rev
      return pick(isHeldBack ? { ...state, canary: null } : state, asker, random)
    },

    returnToStable(project, endpoint) {
      withoutCanary.set(`${project}/${endpoint}`, find(project, endpoint).state.rev)
    },

    async committed(ctx, tx) {
      const rows = await routedEndpoints(tx ?? catalog.read)
        .where('e.project', '=', ctx.project)
        .execute()
      return rows.map(toRoutedEndpoint)
    },

    async get(ctx, endpoint, tx) {
      const row = await routedEndpoints(tx ?? catalog.read)
        .where('e.project', '=', ctx.project)
        .where('e.name', '=', endpoint)
        .executeTakeFirst()
      if (!row) throw unknownEndpoint(endpoint, [...(snapshot.get(ctx.project)?.keys() ?? [])])
      return toRoutedEndpoint(row).state
    },

    declare,

    async declareAlone(ctx, spec) {
      await catalog.write(async (tx) => {
        const row = await routedEndpoints(tx)
          .where('e.project', '=', ctx.project)
          .where('e.name', '=', spec.name)
          .executeTakeFirst()
        const known = row && toRoutedEndpoint(row)
        if (known) assertAlone(known, spec)
        if (JSON.stringify(known?.spec) !== JSON.stringify(spec)) await declare(tx, ctx, spec, null)
      })
      await refresh()
      return spec
    },

    async write(tx, ctx, endpoint, expectedRev, next) {
      const rev = expectedRev + 1
      const arms = JSON.stringify(Arms.parse(next))
      const { project } = ctx
      const moved = await moveRow(tx, { project, endpoint, expectedRev, arms })
      if (!moved)
        throw new GyreError(
          'CONFLICT',
          `the route of ${endpoint} is no longer at revision ${expectedRev}; look again`,
          { endpoint, expectedRev },
        )
      await events.append(tx, ctx, {
        type: 'route.moved',
        subject: { kind: 'endpoint', id: endpoint },
        data: { rev, ...next },
      })
      return { endpoint, rev, ...next }
    },

    async close() {
      stopping.abort()
      await followed
      await lastRefresh.catch(() => undefined)
      for (const wake of waiting.splice(0)) wake()
    },
  }
}

function assertAlone({ name, code, spec }: RoutedEndpoint, next: EndpointSpec): void {
  const problem =
    code === null
      ? `answers with versions of ${spec.model}`
      : `is declared by the project (${code})`
  if (code === null && spec.model === next.model) return
  throw new GyreError('CONFLICT', `endpoint ${name} ${problem}; take another name`, {
    field: 'name',
    endpoint: name,
  })
}

function unknownEndpoint(endpoint: string, known: readonly string[]): GyreError {
  const names = known.length ? `known endpoints: ${known.join(', ')}` : 'no endpoint is declared'
  return new GyreError('NOT_FOUND', `endpoint: no such endpoint ${endpoint}; ${names}`, {
    endpoint,
    known,
  })
}
