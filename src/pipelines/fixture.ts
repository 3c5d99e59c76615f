import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Manifest } from '@gyre/sdk/wire/manifest'
import type { PipelineSpec, StepSpec, ValueSpec } from '@gyre/sdk/wire/pipeline'
import type { JsonValue } from '@gyre/sdk/wire/ref'
import type { Retries } from '@gyre/sdk/wire/retries'
import { onTestFinished } from 'vitest'
import { fakeClock, type FakeClock } from '../core/clock.ts'
import { silentLog } from '../core/log.ts'
import type { Sleep } from '../core/sleep.ts'
import type { Exec, JobEnd } from '../exec/exec.ts'
import { openTempStore } from '../store/fixture.ts'
import { createRunLogs } from '../store/run-logs.ts'
import type { Builtins } from './builtin.ts'
import { createPipelines, type Pipelines, type PipelinesDeps } from './pipelines.ts'

export const CTX = { project: 'default', actor: 'local', requestId: 'req_1' }

/** One start of a step's process, as the script of a test sees it. */
export interface Attempt {
  readonly run: string
  readonly step: string
  readonly fence: number
  readonly timeoutMs: number
  readonly environment: Readonly<Record<string, string>>
  readonly print: (text: string) => void
}

/** What a step's process does until it ends; `code` 0 unless told. */
export type Script = (
  attempt: Attempt,
  pipelines: Pipelines,
) => Promise<{ readonly end?: JobEnd; readonly tail?: string } | undefined | void>

/** Reports outputs as the runner does. */
export async function succeedWith(
  { run, step, fence }: Attempt,
  pipelines: Pipelines,
  outputs: JsonValue,
): Promise<void> {
  await pipelines.report(CTX, { pipelineRunId: run, step }, { status: 'succeeded', fence, outputs })
}

export async function failWith(
  { run, step, fence }: Attempt,
  pipelines: Pipelines,
  message: string,
): Promise<void> {
  const error = { code: 'INTERNAL', message }
  await pipelines.report(CTX, { pipelineRunId: run, step }, { status: 'failed', fence, error })
}

/** A process that never reports and never ends; `begun` resolves with its attempt once it has started. */
export function hanging(): { readonly script: Script; readonly begun: Promise<Attempt> } {
  const { promise: begun, resolve } = deferred<Attempt>()
  const script: Script = (attempt) => {
    resolve(attempt)
    return new Promise(() => undefined)
  }
  return { script, begun }
}

/** A promise that the test settles when it likes. */
export function deferred<T>(): {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
} {
  const settle: ((value: T) => void)[] = []
  const promise = new Promise<T>((resolve) => {
    settle.push(resolve)
  })
  return { promise, resolve: (value) => settle.forEach((done) => done(value)) }
}

/** Processes that are scripts of the test; `started` names the steps in the order of their starts. */
function scriptedExec(script: Script, pipelines: () => Pipelines) {
  const started: string[] = []
  const closed = deferred<undefined>()
  const exec: Exec = {
    driver: 'scripted',
    can: { survivesServer: false },
    expect: () => undefined,
    check: () => undefined,
    start(job) {
      const environment = job.environment()
      const { GYRE_PIPELINE_RUN: run = '', GYRE_STEP: step = '', GYRE_FENCE: fence } = environment
      started.push(step)
      const print = (text: string) => job.output?.(text)
      const attempt = {
        run,
        step,
        fence: Number(fence),
        timeoutMs: job.timeoutMs,
        environment,
        print,
      }
      const cancelled = deferred<undefined>()
      // A script that ends when it is told to has the last word, as a process has until its grace is over.
      const stopped = Promise.race([closed.promise, cancelled.promise.then(nextTurn)]).then(
        () => ({ end: { kind: 'cancelled' }, tail: '' }) as const,
      )
      // No process has anything to say before its start has returned.
      const begun = Promise.resolve().then(() => script(attempt, pipelines()))
      const done = begun.then((result) => ({
        end: result?.end ?? ({ kind: 'exited', code: 0 } as const),
        tail: result?.tail ?? '',
      }))
      const cancel = (): void => cancelled.resolve(undefined)
      return { name: job.name, ended: Promise.race([done, stopped]), cancel }
    },
    close: async () => closed.resolve(undefined),
  }
  return { exec, started }
}

/** A catalog of its own and what keeps the steps of a project, for one test. */
export async function openBench(manifest: Manifest) {
  const clock = fakeClock()
  const { sleep, asleep, pass } = sleepOn(clock)
  const store = await openTempStore(clock)
  const { catalog, events, runs, leases } = store
  const servers: Pipelines[] = []
  const logs = createRunLogs({ catalog, log: silentLog })
  const bench = {
    catalog,
    events,
    runs,
    leases,
    logs,
    clock,
    /** Resolves once somebody waits for the clock; each wait is told once. */
    asleep,
    /** Moves the clock on, and wakes whoever has waited long enough. */
    pass,
    /** What is applied now; a test may put an edited project here. */
    manifest,
    facts: FACTS,
    /** A server on the same catalog; the ones before it count as dead, though their promises linger. */
    serve: (
      script: Script,
      builtins: Partial<Builtins> = {},
      change: Partial<PipelinesDeps> = {},
      place: Partial<Exec> = {},
    ) => {
      const { exec, started } = scriptedExec(script, () => pipelines)
      const pipelines: Pipelines = createPipelines({
        catalog,
        events,
        runs,
        leases,
        clock,
        logs,
        sleep,
        exec: { ...exec, ...place },
        log: silentLog,
        builtins: { ...BUILTINS, ...builtins },
        code: async () => ({
          ref: 'code:flights@1',
          manifest: bench.manifest,
          bundle: BUNDLE,
          source: SOURCE,
        }),
        facts: FACTS,
        experiment: async () => 0,
        environment: (_ctx, { name }) => ({ GYRE_PASS: `pass for ${name}` }),
        ahead: () => undefined,
        ...change,
      })
      servers.push(pipelines)
      return { pipelines, started }
    },
  }
  onTestFinished(async () => {
    await Promise.all(servers.map((server) => server.close()))
    await store[Symbol.asyncDispose]()
  })
  return bench
}

/** Waits that end when a fake clock has come far enough. */
function sleepOn(clock: FakeClock) {
  const sleepers = new Set<{ readonly untilMs: number; readonly wake: () => void }>()
  let [slept, next] = [0, deferred<undefined>()]
  const sleep: Sleep = async (ms, signal) => {
    const { promise: woken, resolve } = deferred<undefined>()
    const sleeper = { untilMs: clock.monotonicMs() + ms, wake: () => resolve(undefined) }
    sleepers.add(sleeper)
    signal.addEventListener('abort', sleeper.wake, { once: true })
    slept += 1
    next.resolve(undefined)
    next = deferred()
    await woken
    sleepers.delete(sleeper)
  }
  let seen = 0
  const asleep = async (): Promise<void> => {
    if (slept === seen) await next.promise
    seen += 1
  }
  const pass = (ms: number): void => {
    clock.advance(ms)
    for (const { untilMs, wake } of sleepers) if (untilMs <= clock.monotonicMs()) wake()
  }
  return { sleep, asleep, pass }
}

const FACTS = { node: 'v20.20.2', platform: 'linux x64' }

const SOURCE = { gitCommit: 'a'.repeat(40), dirty: false }

const BUNDLE = `sha256:${'b'.repeat(64)}`

/** Built-in steps that say what they were given. */
const BUILTINS: Builtins = {
  'training-set': {
    where: 'server',
    cached: true,
    prepare: async () => ({ version: 1 }),
    run: async (_ctx, { inputs, extra }) => ({ outputs: { rows: 100, ...inputs, extra } }),
  },
  gate: {
    where: 'runner',
    cached: false,
    prepare: async () => ({ champion: 'model:delay@1' }),
    finish: async (_tx, _ctx, { extra }, reported) => ({ outputs: { reported, extra } }),
  },
  register: {
    where: 'unit',
    cached: false,
    prepare: async () => null,
    write: async (_tx, _ctx, { inputs }) => ({ outputs: { version: '2', ...inputs } }),
  },
}

export const from = (step: string, ...path: string[]): ValueSpec => ({ kind: 'step', step, path })
export const param = (name: string): ValueSpec => ({ kind: 'param', param: name })
export const literal = (value: JsonValue): ValueSpec => ({ kind: 'literal', value })

export function moduleStep(
  name: string,
  inputs: Readonly<Record<string, ValueSpec>> = {},
  settings: { digest?: string; retries?: Retries; timeout?: string } = {},
): StepSpec {
  return {
    kind: 'module',
    name,
    inputs: { ...inputs },
    chunk: `${name}.js`,
    digest: settings.digest ?? `code of ${name}`,
    export: 'default',
    retries: settings.retries ?? 0,
    timeout: settings.timeout ?? '1m',
  }
}

/** A project with one pipeline, `train`, that takes a seed. */
export function projectOf(...steps: StepSpec[]): Manifest {
  const train: PipelineSpec = {
    name: 'train',
    params: { seed: { type: 'int', default: 7 } },
    steps,
  }
  return {
    protocol: 1,
    name: 'flights',
    card: null,
    datasets: [],
    views: [],
    transforms: [],
    pipelines: [train],
    endpoints: [],
    monitors: [],
    triggers: [],
  }
}
