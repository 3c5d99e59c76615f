import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EndpointSpec } from '@gyre/sdk/wire/endpoint'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { createAccess } from '../../src/access/access.ts'
import { feedbackDoor } from '../../src/api/predict/feedback-door.ts'
import { predictDoor } from '../../src/api/predict/predict-door.ts'
import type { Rooms } from '../../src/api/rooms.ts'
import { createHttpServer } from '../../src/api/server.ts'
import { systemClock } from '../../src/core/clock.ts'
import { silentLog } from '../../src/core/log.ts'
import { quantile, sortedFinite } from '../../src/core/quantile.ts'
import { seededRandom } from '../../src/core/random.ts'
import { siblingUrl, spawnProcess } from '../../src/core/spawn.ts'
import { createInfer } from '../../src/infer/infer.ts'
import type { ModelSource } from '../../src/infer/session.ts'
import { createPredictions } from '../../src/predictions/predictions.ts'
import { createRoutes } from '../../src/routes/routes.ts'
import { createServe } from '../../src/serve/serve.ts'
import { openStore } from '../../src/store/store.ts'
import { modelIn, WIDTH } from './bench-model.ts'
import type { BenchLine } from './line.ts'
import type { LoadPlan, LoadReport } from './load.ts'

const [CONNECTIONS, REQUESTS, REPEATS, BODIES] = [32, 20_000, 5, 500]

/** One round: what a request cost, and how it went for the callers. */
interface Round {
  readonly cpuUs: number
  readonly perSecond: number
  readonly p99Ms: number
}

/**
 * A small model over HTTP (32 connections from another process; routing under a canary, feature look-up,
 * contract and logging on) against onnxruntime in process, one row after the other, with the vector at hand.
 * The two take turns; medians of five.
 */
export async function benchPredict(): Promise<BenchLine[]> {
  const folder = await mkdtemp(join(tmpdir(), 'gyre-bench-'))
  const closers: (() => Promise<void>)[] = [() => rm(folder, { recursive: true, force: true })]
  try {
    const source = await modelIn(folder)
    const port = await serveModel(folder, source, closers)
    const raw = await InferenceSession.create(source.onnxPath, {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
    })
    const rounds: { readonly ours: Round; readonly peer: Round }[] = []
    for (let repeat = 0; repeat <= REPEATS; repeat++) {
      const round = { ours: await overHttp(port), peer: await inProcess(raw) }
      if (repeat > 0) rounds.push(round) // the first warms the compiler
    }
    return linesOf(
      rounds.map(({ ours }) => ours),
      rounds.map(({ peer }) => peer),
    )
  } finally {
    for (const close of closers.toReversed()) await close()
  }
}

async function serveModel(
  folder: string,
  source: ModelSource,
  closers: (() => Promise<void>)[],
): Promise<number> {
  const [clock, log, random] = [systemClock, silentLog, seededRandom(1)]
  const config = { analyticsMemoryMb: 256 }
  const store = await openStore({ folder: join(folder, 'data'), clock, log, config })
  closers.push(() => store.close())
  const { catalog, events, rows, analytics, blobs, newId } = store
  const infer = createInfer({ clock, log, workers: 1 })
  closers.push(() => infer.close())
  const routes = await createRoutes({ catalog, events, clock, log, random })
  closers.push(() => routes.close())
  await release(store, routes)
  const predictions = createPredictions({
    rows,
    analytics,
    clock,
    newId,
    log,
    newTempPath: () => blobs.newTempPath(),
    inputsOf: async () => source.spec.inputs.map(({ name }) => name),
    fieldsOf: () => ENDPOINT.input,
  })
  const known = Array.from({ length: WIDTH - 2 }, (_, i) => i / WIDTH)
  const serve = createServe({
    routes,
    infer,
    predictions,
    clock,
    log,
    modelSource: async (_project, model) => ({ ...source, key: model }),
    planFeatures: async () => () => known,
    onOutcome: () => {},
  })
  closers.push(() => serve.close())
  await serve.ready()
  const maxBodyBytes = 1_048_576
  const http = createHttpServer({
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- no route is mounted that could ask for one
    rooms: {} as Rooms,
    access: createAccess({ catalog, events, clock, newId, keyless: true }),
    routes: [],
    raw: [predictDoor({ serve, maxBodyBytes }), feedbackDoor({ predictions, maxBodyBytes })],
    allowedHosts: [],
    maxBodyBytes,
    newId,
    log,
  })
  closers.push(() => http.close())
  return http.listen('127.0.0.1', 0)
}

const ENDPOINT = EndpointSpec.parse({
  name: 'bench',
  model: 'bench',
  subject: 'flight',
  input: { date: { type: 'timestamp' }, origin: { type: 'text', pattern: '^A[0-9]+$' } },
})

type Served = Awaited<ReturnType<typeof openStore>>
type Routing = Awaited<ReturnType<typeof createRoutes>>

/** A tenth of the subjects on a canary, so that every request is split. */
async function release({ catalog }: Served, routes: Routing): Promise<void> {
  const ctx = { project: 'default', actor: 'local', requestId: 'bench' }
  const canary = { model: 'model:bench@2', weightBp: 1_000, salt: 'bench', releaseId: 'bench' }
  await catalog.write(async (tx) => {
    await routes.declare(tx, ctx, ENDPOINT, null)
    const arms = { stable: 'model:bench@1', previous: null, canary }
    await routes.write(tx, ctx, ENDPOINT.name, 0, arms)
  })
  await routes.refresh()
}

async function overHttp(port: number): Promise<Round> {
  const plan: LoadPlan = {
    port,
    path: '/predict/bench',
    connections: CONNECTIONS,
    requests: REQUESTS,
    bodies: Array.from({ length: BODIES }, (_, i) => bodyOf(i)),
  }
  const generator = spawnProcess(siblingUrl('./load-process', import.meta.url), [], {})
  await once(generator, 'spawn')
  const before = process.cpuUsage()
  generator.send(plan)
  const [report]: LoadReport[] = await once(generator, 'message')
  const { user, system } = process.cpuUsage(before)
  if (!report || report.failed > 0) throw new Error(`${report?.failed} requests failed`)
  return {
    cpuUs: (user + system) / REQUESTS,
    perSecond: REQUESTS / report.seconds,
    p99Ms: report.p99Ms,
  }
}

function bodyOf(i: number): string {
  const at = new Date(Date.UTC(2001, 0, 1) + i * 60_000).toISOString()
  return JSON.stringify({ subject: i, at, input: { date: at, origin: `A${i % 300}` } })
}

async function inProcess(raw: InferenceSession): Promise<Round> {
  const vector = Float32Array.from({ length: WIDTH }, (_, i) => i / WIDTH)
  const latencies: number[] = []
  const before = process.cpuUsage()
  const started = performance.now()
  for (let i = 0; i < REQUESTS; i++) {
    const callStarted = performance.now()
    await raw.run({ features: new Tensor('float32', vector, [1, WIDTH]) })
    latencies.push(performance.now() - callStarted)
  }
  const seconds = (performance.now() - started) / 1_000
  const { user, system } = process.cpuUsage(before)
  return {
    cpuUs: (user + system) / REQUESTS,
    perSecond: REQUESTS / seconds,
    p99Ms: quantile(sortedFinite(latencies), 0.99),
  }
}

function linesOf(ours: readonly Round[], peer: readonly Round[]): BenchLine[] {
  const line = (key: keyof Round, name: string, unit: string): BenchLine => {
    const [mine, theirs] = [median(ours, key), median(peer, key)]
    return {
      name: `predict over HTTP, ${CONNECTIONS} connections: ${name}`,
      ours: mine,
      peer: theirs,
      peerName: 'onnxruntime-node in process, single rows',
      ratio: mine / theirs,
      unit,
      bound: 'printed',
    }
  }
  return [
    line('perSecond', 'rate', 'requests/s'),
    line('cpuUs', 'processor time', 'µs CPU/request'),
    line('p99Ms', 'p99', 'ms'),
  ]
}

function median(rounds: readonly Round[], key: keyof Round): number {
  return quantile(sortedFinite(rounds.map((round) => round[key])), 0.5)
}
