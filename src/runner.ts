import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { connect, type GyreClient } from '@gyre/sdk/client'
import type { StepContext } from '@gyre/sdk'
import type { Artifact } from '@gyre/sdk/wire/artifact'
import type { StepSpec } from '@gyre/sdk/wire/pipeline'
import { DigestText, Json, type JsonValue } from '@gyre/sdk/wire/ref'
import { ItemExchange, ItemExchangeReply, StepWork, type ItemWork } from '@gyre/sdk/wire/step'
import { Double } from '@gyre/sdk/wire/run'
import { z } from 'zod'
import { systemClock } from './core/clock.ts'
import { durationMs } from './core/duration.ts'
import { environmentVariable, setEnvironment } from './core/config.ts'
import { GyreError, toGyreError } from './core/errors.ts'
import { guardGroup } from './core/guard-group.ts'
import { processFacts } from './core/process-facts.ts'
import { openAnalyticsInProcess } from './store/analytics-in-process.ts'
import { sqlText, type Analytics } from './store/analytics.ts'
import { evaluateForGate, type GateDeps } from './train/gate-evaluation.ts'
import { workOnItems } from './train/item-loop.ts'
import type { ReportedPoint } from './train/python-report.ts'
import { trainWithLibrary } from './train/library-trainer.ts'
import {
  runPythonStep,
  storePath,
  type PythonStepDeps,
  type PythonWork,
} from './train/python-step.ts'
import { assertApart } from './train/row-overlap.ts'
import type { OpenModel } from './train/scored-model.ts'
import { TOLD_TO_END, wasInterrupted } from './pipelines/interrupted.ts'
import { thrownFailure } from './pipelines/thrown-failure.ts'
import { createStepFiles, type StepFiles } from './train/step-files.ts'
import { bundleOf, createStepRows, type TransformBundle } from './train/step-rows.ts'
import { createTrainer } from './train/train.ts'

/** Half a lease lasts 15 s; two beats may be lost before the step is. */
const HEARTBEAT_MS = 5_000

/** Metrics are seen this late at the most, where a step lets its process breathe. */
const SEND_MS = 1_000

/** What a script gets between SIGTERM and SIGKILL where its step says nothing of it. */
const GRACE_MS = 5_000

/** As many points as one request may carry. */
const MAX_POINTS = 10_000

const Done = z.strictObject({})

/** Loaded by gates alone: a step that trains would wait a tenth of a second for nothing. */
const openOnnx: OpenModel = async (path, width) =>
  (await import('./infer/runtimes/onnx.ts')).openOnnx(path, width)

interface Station {
  readonly client: GyreClient
  /** `/api/v1/steps/RUN/STEP` */
  readonly path: string
  readonly fence: number
}

/** Runs one step: asks the server for its work, does it, and reports. The process of a `module` or `gate` step. */
async function main(): Promise<void> {
  guardGroup()
  const client = connect({ url: variable('GYRE_URL'), key: variable('GYRE_PASS') })
  const path = `/api/v1/steps/${variable('GYRE_PIPELINE_RUN')}/${variable('GYRE_STEP')}`
  const station = { client, path, fence: Number(variable('GYRE_FENCE')) }
  const folder = await mkdtemp(join(tmpdir(), 'gyre-step-'))
  const stopping = new AbortController()
  const stop = (): void => stopping.abort()
  process.once('SIGTERM', stop)
  // The server that started this process is gone, and with it the lease: what it does no longer counts. Not by
  // `process.exit`, in which native code that is under way may wait for itself for ever.
  // It leads a group of its own, so that a script it has started ends with it.
  process.once('disconnect', () => process.kill(-process.pid, 'SIGKILL'))
  const beat = setInterval(() => void heartbeat(station, stop), HEARTBEAT_MS)
  const worker = environmentVariable('GYRE_WORKER')
  try {
    if (worker !== undefined) return await performItems(station, worker, folder, stopping.signal)
    const outputs = await perform(station, folder, stopping.signal)
    // Nobody waits for this process once it has reported: a server that stops then ends it by force.
    await rm(folder, { recursive: true, force: true })
    await client.post(
      `${path}/report`,
      { status: 'succeeded', fence: station.fence, outputs },
      Done,
    )
  } catch (thrown) {
    if (wasInterrupted(thrown)) {
      // Reported by nobody, so that the server has the next attempt go on.
      process.stderr.write(`${toGyreError(thrown).message}\n`)
      process.exitCode = TOLD_TO_END
      return
    }
    const error = thrownFailure(thrown)
    // Whoever hands out the items learns of it by what this process has printed, and by its end.
    if (worker !== undefined) {
      process.stderr.write(`${error.message}\n`)
      process.exitCode = 1
      return
    }
    await client.post(`${path}/report`, { status: 'failed', fence: station.fence, error }, Done)
  } finally {
    clearInterval(beat)
    await rm(folder, { recursive: true, force: true })
    client.close()
  }
}

async function heartbeat({ client, path, fence }: Station, stop: () => void): Promise<void> {
  try {
    await client.post(`${path}/heartbeat`, { fence }, Done)
  } catch {
    stop()
  }
}

async function perform(station: Station, folder: string, signal: AbortSignal): Promise<JsonValue> {
  const work = await station.client.get(`${station.path}/work`, StepWork)
  const { client, path, fence } = station
  const tell = factTeller(station)
  const files = createStepFiles(station.client, folder)
  const metrics = metricSender(station)
  const commit = async (step: number, artifact: Artifact): Promise<void> => {
    await metrics.flush()
    await client.post(`${path}/checkpoint`, { fence, step, artifact }, Done)
  }
  const { spec, checkpoint } = work
  if (spec.kind === 'python') {
    const own = join(folder, 'python')
    await mkdir(own)
    const deps = {
      ...scriptDeps(station, work, files, folder),
      folder: own,
      tell,
      commit,
      signal,
      graceMs: spec.resume ? durationMs(spec.resume.grace, 'grace') : GRACE_MS,
      async log(points: readonly ReportedPoint[]) {
        for (const { key, value, step } of points) metrics.add(key, value, step)
        await metrics.flush()
      },
    }
    return mayGoOn(spec, signal, () => runScript(deps, { ...work, spec }, work, folder))
  }
  const told = tell()
  const analytics = openOnDemand(() => openAnalytics(folder))
  try {
    const rows = createStepRows({ files, analytics })
    const bundle = bundleOf(DigestText.parse(work.bundle), work.transforms)
    if (spec.kind === 'gate') {
      const deps: GateDeps = {
        files,
        rows,
        bundle,
        openModel: openOnnx,
        clock: systemClock,
        seed: work.seed,
        assertApart: (...about) => assertApart({ files, analytics }, ...about),
      }
      const [result] = await Promise.all([
        evaluateForGate(deps, work.inputs, work.extra, spec.rules),
        told,
      ])
      return Json.parse(result)
    }
    if (spec.kind !== 'module')
      throw new GyreError('INTERNAL', `step ${work.step} of kind ${spec.kind} runs in the server`)
    const run = await importStep(await files.folder(work.bundle), spec)
    const ctx = contextOf({ files, rows, bundle, signal }, work.seed, {
      metric: metrics.add,
      resumed: checkpoint
        ? { step: checkpoint.step, path: await files.artifact(checkpoint.artifact) }
        : undefined,
      async checkpoint(step, what) {
        const stored =
          typeof what === 'string'
            ? storePath(files, dirname(resolve(what)), 'checkpoint', basename(what))
            : files.putBytes(what, 'application/octet-stream')
        await commit(step, await stored)
      },
    })
    try {
      const [outputs] = await Promise.all([
        mayGoOn(spec, signal, () => run(ctx, work.inputs)),
        told,
      ])
      return Json.parse(outputs)
    } finally {
      await metrics.flush()
    }
  } finally {
    await analytics.close()
  }
}

interface ContextDeps {
  readonly files: StepFiles
  readonly rows: ReturnType<typeof createStepRows>
  readonly bundle: TransformBundle
  readonly signal: AbortSignal
}

type Progress = Pick<StepContext, 'metric' | 'resumed' | 'checkpoint'>

function contextOf(
  { files, rows, bundle, signal }: ContextDeps,
  seed: number,
  progress: Progress,
): StepContext {
  const trainer = createTrainer(seed)
  return {
    ...progress,
    seed,
    signal,
    train: trainer,
    log: (message) => void process.stdout.write(`${message}\n`),
    rows: (set) => rows.frame(set, bundle),
    async save(model) {
      const serving = await rows.servingParts(trainer.rowsOf(model), bundle)
      const { onnx, spec } = trainer.filesOf(model, serving)
      const json = Buffer.from(JSON.stringify(spec))
      const { digest } = await files.putFolder({ 'model.onnx': onnx, 'model.json': json })
      return { digest, rows: model.rows }
    },
  }
}

/** Runs a script to its end; what a trainer has learned becomes a model. */
async function runScript(
  deps: PythonStepDeps,
  work: PythonWork,
  { bundle, transforms }: StepWork,
  folder: string,
): Promise<JsonValue> {
  const { trainer } = work.spec
  if (!trainer) return runPythonStep(deps, work)
  const analytics = openOnDemand(() => openAnalytics(folder))
  try {
    const training = {
      ...deps,
      rows: createStepRows({ files: deps.files, analytics }),
      bundle: bundleOf(DigestText.parse(bundle), transforms),
      openModel: openOnnx,
    }
    return await trainWithLibrary(training, work, trainer)
  } finally {
    await analytics.close()
  }
}

/** What every script of a step finds, whichever item it is for. */
function scriptDeps({ client }: Station, work: StepWork, files: StepFiles, folder: string) {
  return {
    files,
    arrow: (parquet: string) => toArrow(folder, parquet),
    environments: variable('GYRE_PYTHON_ENVIRONMENTS'),
    // What MLflow's client looks for; the pass lets it log to this run alone.
    variables: {
      MLFLOW_TRACKING_URI: client.url,
      MLFLOW_TRACKING_TOKEN: variable('GYRE_PASS'),
      MLFLOW_RUN_ID: work.runId,
      MLFLOW_EXPERIMENT_ID: work.experiment ?? '0',
    },
  }
}

type ItemPoint = { readonly key: string; readonly value: number }
type PerformItem = (item: ItemWork) => Promise<{ outputs: JsonValue; points: ItemPoint[] }>

/** Works on the items of a step, as one of its processes, until there are no more. */
async function performItems(
  station: Station,
  worker: string,
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  const { client, path, fence } = station
  const work = await client.get(`${path}/work`, StepWork)
  await using opened = await openItems(station, work, folder, signal)
  await workOnItems({
    perform: opened.perform,
    async exchange(ended, want) {
      const request = z.encode(ItemExchange, { fence, worker, ended: [...ended], want })
      return (await client.post(`${path}/items`, request, ItemExchangeReply)).items
    },
  })
}

/** What items need is opened once for all that this process does. */
async function openItems(
  station: Station,
  work: StepWork,
  folder: string,
  signal: AbortSignal,
): Promise<{ readonly perform: PerformItem } & AsyncDisposable> {
  const files = createStepFiles(station.client, folder)
  if (work.spec.kind === 'python') {
    const { spec } = work
    const tell = onlyOnce(factTeller(station))
    const performScript: PerformItem = async ({ item, inputs, seed }) => {
      const points: ItemPoint[] = []
      const own = join(folder, `item-${item}`)
      await mkdir(own)
      const deps = {
        ...scriptDeps(station, work, files, folder),
        folder: own,
        tell,
        commit: noCheckpoint,
        signal,
        graceMs: GRACE_MS,
        log: async (told: readonly ReportedPoint[]) =>
          told.forEach(({ key, value, step }) => points.push(itemPoint(key, value, step))),
      }
      try {
        const given = { ...work.inputs, ...inputs }
        return {
          outputs: await runScript(deps, { ...work, spec, inputs: given, seed }, work, folder),
          points,
        }
      } finally {
        await rm(own, { recursive: true, force: true })
      }
    }
    return { perform: performScript, [Symbol.asyncDispose]: async () => undefined }
  }
  if (work.spec.kind !== 'module')
    throw new GyreError('INTERNAL', `step ${work.step} of kind ${work.spec.kind} has no items`)
  await factTeller(station)()
  const analytics = openOnDemand(() => openAnalytics(folder))
  const rows = createStepRows({ files, analytics })
  const bundle = bundleOf(DigestText.parse(work.bundle), work.transforms)
  const run = await importStep(await files.folder(work.bundle), work.spec)
  return {
    async perform({ inputs, seed }) {
      const points: ItemPoint[] = []
      const ctx = contextOf({ files, rows, bundle, signal }, seed, {
        metric: (...point) => void points.push(itemPoint(...point)),
        resumed: undefined,
        checkpoint: noCheckpoint,
      })
      return { outputs: Json.parse(await run(ctx, { ...work.inputs, ...inputs })), points }
    },
    [Symbol.asyncDispose]: () => analytics.close(),
  }
}

/** Points of all items make one curve, each at its item's number. */
function itemPoint(key: string, value: number, step?: number): ItemPoint {
  if (step === undefined) return { key, value }
  throw new GyreError(
    'INVALID_ARGUMENT',
    `metric ${key}: expected no step; a point of an item stands at the item's number`,
    { field: key },
  )
}

async function noCheckpoint(): Promise<void> {
  throw new GyreError(
    'INVALID_ARGUMENT',
    'checkpoint: an item has none; it is done whole, or tried again',
    { field: 'checkpoint' },
  )
}

function onlyOnce<A extends unknown[]>(work: (...args: A) => Promise<void>) {
  let done: Promise<void> | undefined
  return (...args: A): Promise<void> => (done ??= work(...args))
}

function factTeller({ client, path, fence }: Station) {
  return async (more: Readonly<Record<string, string>> = {}): Promise<void> => {
    const environment = { ...processFacts(), ...more }
    await client.post(`${path}/facts`, { fence, environment }, Done)
  }
}

/** Beside the Parquet it is made of; the modules for it are loaded by the steps that want it alone. */
async function toArrow(folder: string, parquet: string): Promise<string> {
  const { arrowFile } = await import('./train/arrow-file.ts')
  const analytics = await openAnalytics(folder)
  try {
    const columns = await analytics.columns(`SELECT * FROM read_parquet(${sqlText(parquet)})`)
    const path = `${parquet}.arrow`
    await writeFile(path, arrowFile(columns))
    return path
  } finally {
    await analytics.close()
  }
}

/** DuckDB takes a tenth of a second to open, which a step without rows need not wait for. */
function openOnDemand(open: () => Promise<Analytics>): Analytics {
  let opened: Promise<Analytics> | undefined
  const get = (): Promise<Analytics> => (opened ??= open())
  return {
    query: async (...args) => (await get()).query(...args),
    columns: async (...args) => (await get()).columns(...args),
    exec: async (...args) => (await get()).exec(...args),
    close: async () => (await opened)?.close(),
  }
}

function openAnalytics(folder: string): Promise<Analytics> {
  return openAnalyticsInProcess({
    folders: [folder],
    tempFolder: join(folder, 'spill'),
    memoryMb: 1024,
  })
}

/**
 * Does the work of a step. One that may go on after a kill throws UNAVAILABLE, `interrupted`, where it was ended or told
 * to end; it is ended by force when its grace is over.
 */
async function mayGoOn<T>(
  { resume, name }: Extract<StepSpec, { kind: 'module' | 'python' }>,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const limit = new AbortController()
  if (resume)
    signal.addEventListener('abort', () => {
      const graceMs = durationMs(resume.grace, 'grace')
      const force = setTimeout(() => process.kill(-process.pid, 'SIGKILL'), graceMs)
      limit.signal.addEventListener('abort', () => clearTimeout(force))
    })
  try {
    return await work()
  } catch (thrown) {
    if (!resume || (!signal.aborted && !wasInterrupted(thrown))) throw plainly(thrown)
    throw new GyreError(
      'UNAVAILABLE',
      `step ${name} was interrupted: ${toGyreError(thrown).message}`,
      { interrupted: true },
      thrown,
    )
  } finally {
    limit.abort()
  }
}

/** Of a step that does not go on, an interruption is a failure like any other. */
function plainly(thrown: unknown): unknown {
  const { code, message } = toGyreError(thrown)
  return wasInterrupted(thrown) ? new GyreError(code, message, {}, thrown) : thrown
}

type UserStep = (ctx: StepContext, inputs: unknown) => Promise<unknown>

async function importStep(
  folder: string,
  { chunk, export: name }: { chunk: string; export: string },
): Promise<UserStep> {
  const module: unknown = await import(pathToFileURL(join(folder, chunk)).href)
  const found = new Map(Object.entries(Object(module))).get(name)
  if (!isUserStep(found)) throw new GyreError('STEP_FAILED', `${chunk} exports no function ${name}`)
  return found
}

function isUserStep(value: unknown): value is UserStep {
  return typeof value === 'function'
}

function metricSender({ client, path, fence }: Station) {
  const points: { readonly key: string; readonly value: unknown; readonly step?: number }[] = []
  let sending = Promise.resolve()
  let timer: NodeJS.Timeout | undefined

  async function send(): Promise<void> {
    while (points.length > 0)
      await client.post(`${path}/metrics`, { fence, points: points.splice(0, MAX_POINTS) }, Done)
  }

  /** What could not be sent fails the last call. */
  function flush(): Promise<void> {
    sending = sending.then(send)
    return sending
  }

  /** Soon, and together with what comes until then. */
  function sendSoon(): void {
    timer ??= setTimeout(() => {
      timer = undefined
      flush().catch(() => undefined)
    }, SEND_MS).unref()
  }

  return {
    add: (key: string, value: number, step?: number): void => {
      const sent = z.encode(Double, value)
      points.push(step === undefined ? { key, value: sent } : { key, value: sent, step })
      sendSoon()
    },
    flush,
  }
}

function variable(name: string): string {
  const value = environmentVariable(name)
  if (value === undefined)
    throw new GyreError('INVALID_ARGUMENT', `${name} is not set`, { field: name })
  return value
}

function leave(): void {
  process.exit()
}

/** A process that was started ahead waits for its job; without one it goes with its server, or is ended. */
async function awaitJob(): Promise<void> {
  process.once('disconnect', leave)
  // Most steps read rows, but one that comes at once need not wait for that.
  const load = setTimeout(() => void import('./store/adapters/duckdb.ts'), LOAD_AFTER_MS)
  const [given] = await once(process, 'message')
  clearTimeout(load)
  // From here on its script has to end with it.
  process.off('disconnect', leave)
  setEnvironment(Assignment.parse(given).environment)
}

/** A process that waits for so long will wait long enough to load DuckDB. */
const LOAD_AFTER_MS = 200

const Assignment = z.strictObject({ environment: z.record(z.string(), z.string()) })

if (environmentVariable('GYRE_SPARE') !== undefined) await awaitJob()
await main()
// The channel to the server would keep the process alive.
process.exit()
