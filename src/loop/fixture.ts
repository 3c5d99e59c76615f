import type { Verdict } from '@gyre/sdk/wire/gate'
import type { PipelineRun, StepRun } from '@gyre/sdk/wire/pipeline'
import type { JsonValue } from '@gyre/sdk/wire/ref'
import { TriggerSpec } from '@gyre/sdk/wire/trigger'
import { fakeClock } from '../core/clock.ts'
import { GyreError } from '../core/errors.ts'
import { silentLog } from '../core/log.ts'
import type { Context } from '../core/context.ts'
import { ctx, ENDPOINT, openHarbour, type Harbour } from '../release/fixture.ts'
import { createLoop, type Loop, type LoopDeps } from './loop.ts'

const DAY = 86_400_000
const START = Date.parse('2001-02-01T00:00:00Z')
export const after = (days: number) => new Date(START + days * DAY)

export function verdictOf(passed: boolean): Verdict {
  const reason = passed ? '0.41 is < 0.42' : '0.43 is not < 0.42'
  const logLoss = passed ? 0.41 : 0.43
  return {
    gate: 'worth-shipping',
    gateDigest: 'sha256:rules',
    passed,
    checks: [{ metric: 'logLoss', rule: 'better', value: logLoss, bound: 0.42, passed, reason }],
    metrics: { candidate: { logLoss }, champion: { logLoss: 0.42 }, baseline: null },
    rows: 4000,
    champion: 'model:delay@1',
  }
}

export interface Ending {
  readonly status?: PipelineRun['status']
  readonly verdict: Verdict | null
  readonly candidate?: string
  /** The candidate was made by this run; true unless told. */
  readonly isNew?: boolean
}

function stepRun(step: string, kind: string, outputs: JsonValue): StepRun {
  return {
    step,
    kind,
    state: outputs === null ? 'skipped' : 'succeeded',
    attempt: 1,
    cached: false,
    cacheKey: null,
    runId: null,
    outputs,
    error: null,
    retryAt: null,
    items: null,
    resources: null,
    startedAt: null,
    endedAt: null,
  }
}

/** A run of the pipeline `train` that ended so. */
export function pipelineRun({
  status = 'succeeded',
  verdict,
  candidate,
  isNew = true,
}: Ending): PipelineRun {
  return {
    id: 'run_1',
    pipeline: 'train',
    code: 'code:flights@1',
    params: {},
    status,
    startedAt: '2001-07-01T00:00:00.000Z',
    endedAt: null,
    trigger: null,
    repeats: null,
    resumes: null,
    cancelled: null,
    partition: null,
    steps: [
      stepRun('worth-shipping', 'gate', verdict && { ...verdict }),
      stepRun(
        'register-delay',
        'register',
        candidate === undefined ? null : { ref: candidate, isNew },
      ),
    ],
  }
}

export const TRIGGER = TriggerSpec.parse({
  name: 'keep-fresh',
  endpoint: ENDPOINT,
  when: [{ kind: 'drift', monitor: 'weekly' }],
  pipeline: 'train',
  untilParam: 'until',
  params: { window: { kind: 'literal', value: '28d' } },
  cooldown: '14d',
  release: { kind: 'canary', weightBp: 2000 },
})

/** Pipelines that end as the test says, and remember what was started. */
function scriptedPipelines() {
  const runs: PipelineRun[] = []
  const waiting = new Map<string, () => void>()
  const get = async (_ctx: Context, id: string) => {
    const run = runs.find((one) => one.id === id)
    if (!run) throw new GyreError('NOT_FOUND', `no pipeline run ${id}`)
    return run
  }
  const pipelines: LoopDeps['pipelines'] = {
    get,
    list: async () => runs,
    async start(_ctx, pipeline, params, trigger) {
      const id = `run_${runs.length + 1}`
      const started = pipelineRun({ status: 'running', verdict: null })
      runs.push({ ...started, id, pipeline, params: { ...params }, trigger: trigger ?? null })
      return get(_ctx, id)
    },
    async ended(asked, id) {
      if ((await get(asked, id)).status === 'running')
        await new Promise<void>((resolve) => waiting.set(id, resolve))
      return get(asked, id)
    },
  }
  return {
    pipelines,
    runs,
    /** Ends the newest run. */
    end(ending: Ending) {
      const run = runs.pop()
      if (!run) throw new Error('nothing was started')
      const { id, params, trigger } = run
      runs.push({ ...pipelineRun(ending), id, params, trigger })
      waiting.get(id)?.()
    },
  }
}

export interface Ring extends AsyncDisposable {
  readonly harbour: Harbour
  readonly loop: Loop
  readonly scripted: ReturnType<typeof scriptedPipelines>
  /** A loop over the same store, as after a restart. */
  another(change?: Partial<LoopDeps>): Loop
  /** A monitor found drift, `days` after the start. */
  drift(days: number, data?: Record<string, JsonValue>): Promise<void>
  settle(days: number, loop?: Loop): Promise<void>
  /** Resolves when the event log holds `count` events of the type. */
  seen(type: string, count?: number): Promise<void>
  labels: number
}

/** A loop over real releases with version 1 of `delay` in production; monitors and pipelines are scripted. */
export async function openRing(change: Partial<LoopDeps> = {}): Promise<Ring> {
  const loops: Loop[] = []
  const harbour = await openHarbour({
    eventTime: async (asked, endpoint) =>
      (await loops[0]?.eventTime(asked, endpoint))?.toISOString() ?? null,
  })
  const { store, releases, routes, registry } = harbour
  const scripted = scriptedPipelines()
  const traffic = { labels: 0 }
  const another = (more: Partial<LoopDeps> = {}) => {
    const loop = createLoop({
      ...store,
      clock: fakeClock('2001-07-01T00:00:00.000Z'),
      log: silentLog,
      releases,
      routes,
      registry,
      monitor: { due: async () => [] },
      predictions: {
        span: async () => ({ firstMs: START, latestMs: START }),
        counts: async () => ({
          predictions: 0,
          errors: 0,
          quarantined: 0,
          feedback: traffic.labels,
          orphans: 0,
          dropped: 0,
        }),
      },
      pipelines: scripted.pipelines,
      triggers: async () => [TRIGGER],
      holder: `server_${loops.length + 1}`,
      ...change,
      ...more,
    })
    loops.push(loop)
    return loop
  }
  const first = another()
  await releases.open(ctx, ENDPOINT, { model: await harbour.addPassed('one'), plan: {} })
  return {
    harbour,
    scripted,
    another,
    loop: first,
    async drift(days, data = {}) {
      const at = after(days).toISOString()
      await store.catalog.write((tx) =>
        store.events.append(tx, ctx, {
          type: 'drift.detected',
          subject: { kind: 'monitor', id: 'weekly' },
          data: { at, message: 'distance has moved', partial: false, brokenInput: false, ...data },
        }),
      )
    },
    settle: (days, loop = first) =>
      loop.settle(ctx, ENDPOINT, after(days), new AbortController().signal),
    async seen(type, count = 1) {
      const { signal } = new AbortController()
      for (;;) {
        const last = (await store.events.latest())?.seq ?? 0
        if ((await store.events.since(0, count, { types: [type] })).length >= count) return
        await store.events.wait(last, signal)
      }
    },
    get labels() {
      return traffic.labels
    },
    set labels(count) {
      traffic.labels = count
    },
    async [Symbol.asyncDispose]() {
      for (const loop of loops) await loop.close()
      await harbour[Symbol.asyncDispose]()
    },
  }
}
