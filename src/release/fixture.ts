import { fakeClock } from '../core/clock.ts'
import { digestOf } from '../core/digest.ts'
import { silentLog } from '../core/log.ts'
import { createEvaluate, type Evaluation } from '../evaluate/evaluate.ts'
import { createRegistry, type Registry } from '../registry/registry.ts'
import { createRoutes, type Routes } from '../routes/routes.ts'
import { openTempStore, type TempStore } from '../store/fixture.ts'
import type { Outcome } from './outcome-tally.ts'
import { createReleases, type ReleaseDeps, type Releases } from './release.ts'
import { stageOf } from './stages.ts'

export const ctx = { project: 'default', actor: 'local', requestId: 'req_1' }
export const ENDPOINT = 'flight-delay'

export interface Harbour extends AsyncDisposable {
  readonly store: TempStore
  readonly routes: Routes
  readonly registry: Registry
  readonly releases: Releases
  /** Models that were loaded, in order, and as what: `model:delay@1 primary`. */
  readonly loaded: string[]
  /** What the endpoint's event time is said to be. */
  setEventTime(at: string): void
  /** Registers a version that its gate passed and a policy approved. */
  addPassed(files: string): Promise<string>
  /** Names of the gates that the project's code declares. */
  readonly gates: Set<string>
  /** Registers a version of which nothing is known. */
  add(files: string): Promise<string>
  /** What a gate said of a model's files: that 0.7 is below its 0.9. */
  refuse(digest: string, runId: string, gate: string): Promise<void>
  /** Counts `requests` of an arm under the open canary, `failed` of them failing, each with a subject of its own. */
  count(arm: Outcome['arm'], requests: number, failed?: number): Promise<void>
  /** Another server over the same store. */
  another(change?: Partial<ReleaseDeps>): Releases
}

/** Releases over a real store, real routes, registry and verdicts; only the model sessions are made up. */
export async function openHarbour(change: Partial<ReleaseDeps> = {}): Promise<Harbour> {
  const store = await openTempStore()
  const { catalog, runs } = store
  const clock = fakeClock()
  const log = silentLog
  const routes = await createRoutes({ ...store, clock, log, random: () => 0.5 })
  const gates = new Set(['worth-shipping'])
  const evaluate = createEvaluate({ ...store, clock, declared: async () => gates })
  const registry = createRegistry({
    ...store,
    clock,
    verdicts: evaluate,
    policy: async () => ({
      gated: true,
      approvals: 1,
      among: null,
      fourEyes: false,
      forbids: [],
    }),
    endpoints: async () => [],
    freeze: async () => Promise.reject(new Error('nothing is registered from a run here')),
    tellLoggedModel: async () => {},
    findPrediction: async () => undefined,
  })
  const loaded: string[] = []
  let eventTime: string | null = null
  let subjects = 0
  const deps: ReleaseDeps = {
    ...store,
    clock,
    log,
    routes,
    registry,
    ensure: async (_ctx, _endpoint, model, as) => void loaded.push(`${model} ${as}`),
    eventTime: async () => eventTime,
    rewards: async () => [],
    writer: 'server_1',
    ...change,
  }
  const releases = createReleases(deps)
  const others: Releases[] = []
  await catalog.write((tx) =>
    routes.declare(
      tx,
      ctx,
      {
        name: ENDPOINT,
        model: 'delay',
        subject: 'flight',
        takes: 'fields',
        input: {},
        threshold: 0.5,
      },
      null,
    ),
  )
  await routes.refresh()

  async function add(files: string): Promise<string> {
    const run = await runs.start(ctx, { kind: 'training', name: 'fit' })
    const version = { name: 'delay', digest: digestOf(files), metrics: {}, runId: run.id }
    return (await registry.register(ctx, version)).ref
  }

  const judge = (of: Pick<Evaluation, 'modelDigest' | 'runId' | 'gate' | 'rules'>) =>
    evaluate.record(ctx, { ...of, evidence: { metrics: { auc: 0.7 } }, rows: 4000, champion: null })

  return {
    store,
    routes,
    registry,
    releases,
    loaded,
    gates,
    add,
    setEventTime(at) {
      eventTime = at
    },
    async addPassed(files) {
      const ref = await add(files)
      const { digest, runId } = await registry.get(ctx, ref)
      const rules = { auc: { atLeast: 0.6 } }
      await judge({ modelDigest: digest, runId: runId ?? '', gate: 'worth-shipping', rules })
      await registry.approve(ctx, ref, { decision: 'approved', note: '', actor: 'policy:gate' })
      return ref
    },
    async refuse(modelDigest, runId, gate) {
      const rules = { auc: { atLeast: 0.9 } }
      await judge({ modelDigest, runId, gate, rules })
    },
    async count(arm, requests, failed = 0) {
      const open = await releases.findCanary(ctx, ENDPOINT)
      if (!open) throw new Error('no canary is open')
      for (let i = 0; i < requests; i++)
        releases.count({
          project: ctx.project,
          endpoint: ENDPOINT,
          releaseId: open.id,
          arm,
          weightBp: stageOf(open).weightBp,
          subject: String(subjects++),
          failed: i < failed,
        })
    },
    another(more = {}) {
      const other = createReleases({ ...deps, writer: `server_${others.length + 2}`, ...more })
      others.push(other)
      return other
    },
    async [Symbol.asyncDispose]() {
      for (const one of [releases, ...others]) await one.close()
      await routes.close()
      await store[Symbol.asyncDispose]()
    },
  }
}
