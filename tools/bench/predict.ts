import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { quantile, sortedFinite } from '../../src/core/quantile.ts'
import { startFastApi } from './fastapi.ts'
import { fillFolder } from './filled-folder.ts'
import { atLeast, atMost, type BenchLine } from './line.ts'
import { median } from './median.ts'
import { startGyre } from './program.ts'
import { roundOver, type Round } from './round.ts'
import { heavy, perceptron, trees, type Workload } from './workload.ts'

const [REPEATS, CONNECTIONS] = [5, 32]

/** FastAPI answers a tenth as fast: so many of its requests take as long. */
const PEER_SHARE = 0.1

/** The row of a table of bounds that a workload stands in. */
interface Bounds {
  readonly fastApi?: { readonly rate: number; readonly p99: number; readonly cpu: number }
  /** Share of the rate of the same model in process; `/health` must answer meanwhile, within ms. */
  readonly inProcess?: { readonly rate: number; readonly healthP99Ms: number }
}

/** A boosted model: the request's fields, a look-up of eight features, user code. */
export const benchTrees = (): Promise<BenchLine[]> =>
  bench(trees(), { fastApi: { rate: 6, p99: 0.2, cpu: 0.15 } })

/** A small perceptron that takes its vector as it is. */
export const benchPerceptron = (): Promise<BenchLine[]> =>
  bench(perceptron(), { fastApi: { rate: 5, p99: 0.2, cpu: 0.15 } })

/** A model that takes much longer than its request. */
export const benchHeavy = (): Promise<BenchLine[]> =>
  bench(heavy(), { inProcess: { rate: 0.95, healthP99Ms: 20 } })

/**
 * A model behind the built server (32 connections from another process; under a canary where the release
 * has one; contract, look-up, log and counting on) against onnxruntime in this process, one row after the
 * other with the vector at hand, and against FastAPI where that is bound. All take turns; medians of five.
 */
async function bench(workload: Workload, bounds: Bounds): Promise<BenchLine[]> {
  const folder = await mkdtemp(join(tmpdir(), 'gyre-bench-'))
  const closers: (() => Promise<void>)[] = [() => rm(folder, { recursive: true, force: true })]
  try {
    const data = join(folder, 'data')
    await fillFolder(data, workload, { predictions: 0, runs: 0 })
    const gyre = await startGyre(data)
    closers.push(() => gyre.stop())
    const raw = await openRaw(workload)
    closers.push(() => raw.release())
    const fastApi = bounds.fastApi && (await startFastApi(folder, workload))
    if (fastApi) closers.push(() => fastApi.stop())

    const rounds: Rounds[] = []
    for (let repeat = 0; repeat <= REPEATS; repeat++) {
      const ours = await roundOver(gyre, planOf(workload, bounds))
      const inProcess = await runRaw(raw, workload)
      const theirs = fastApi && (await roundOver(fastApi, peerPlanOf(workload)))
      if (repeat > 0) rounds.push({ ours, inProcess, fastApi: theirs }) // the first warms all of them
    }
    return linesOf(workload, rounds, bounds)
  } finally {
    for (const close of closers.toReversed()) await close()
  }
}

interface Rounds {
  readonly ours: Round
  readonly inProcess: Round
  readonly fastApi: Round | undefined
}

function planOf({ requests, bodies }: Workload, { inProcess }: Bounds) {
  const plan = { connections: CONNECTIONS, requests, bodies, path: '/predict/bench' }
  return inProcess ? { ...plan, probe: '/health' } : plan
}

function peerPlanOf({ requests, bodies }: Workload) {
  const share = Math.round(requests * PEER_SHARE)
  return { connections: CONNECTIONS, requests: share, bodies, path: '/predict' }
}

function openRaw({ onnx }: Workload): Promise<InferenceSession> {
  return InferenceSession.create(onnx, { intraOpNumThreads: 1, interOpNumThreads: 1 })
}

async function runRaw(raw: InferenceSession, { vector, requests }: Workload): Promise<Round> {
  const latencies: number[] = []
  const before = process.cpuUsage()
  const started = performance.now()
  for (let i = 0; i < requests; i++) {
    const callStarted = performance.now()
    await raw.run({ features: new Tensor('float32', vector, [1, vector.length]) })
    latencies.push(performance.now() - callStarted)
  }
  const seconds = (performance.now() - started) / 1_000
  const { user, system } = process.cpuUsage(before)
  return {
    cpuUs: (user + system) / requests,
    perSecond: requests / seconds,
    p95Ms: quantile(sortedFinite(latencies), 0.95),
    p99Ms: quantile(sortedFinite(latencies), 0.99),
    probeP99Ms: Number.NaN,
  }
}

const PEERS = {
  inProcess: 'onnxruntime-node in process, row after row',
  fastApi: 'FastAPI + onnxruntime, one worker',
} as const

function linesOf(workload: Workload, rounds: readonly Rounds[], bounds: Bounds): BenchLine[] {
  const { inProcess, fastApi } = bounds
  const name = `${workload.title} over HTTP`
  const ours = (key: keyof Round): number => median(rounds.map((round) => round.ours[key]))
  const line = (key: keyof Round, unit: string, peer: keyof typeof PEERS): BenchLine => {
    const pairs = rounds.map(
      (round) => [round.ours[key], round[peer]?.[key] ?? Number.NaN] as const,
    )
    return {
      name,
      ours: ours(key),
      unit,
      peer: {
        name: PEERS[peer],
        value: median(pairs.map(([, theirs]) => theirs)),
        ratio: median(pairs.map(([mine, theirs]) => mine / theirs)),
      },
    }
  }
  const [rate, cost] = [
    line('perSecond', 'requests/s', 'inProcess'),
    line('cpuUs', 'µs CPU/request', 'inProcess'),
  ]
  const lines = inProcess
    ? [
        { ...rate, bound: atLeast('ratio', inProcess.rate) },
        cost,
        {
          name: '/health p99 meanwhile',
          ours: ours('probeP99Ms'),
          unit: 'ms',
          bound: atMost('ours', inProcess.healthP99Ms),
        },
      ]
    : [rate, cost]
  if (!fastApi || rounds.some((round) => !round.fastApi)) return lines
  return [
    ...lines,
    { ...line('perSecond', 'requests/s', 'fastApi'), bound: atLeast('ratio', fastApi.rate) },
    { ...line('cpuUs', 'µs CPU/request', 'fastApi'), bound: atMost('ratio', fastApi.cpu) },
    { ...line('p99Ms', 'ms, p99', 'fastApi'), bound: atMost('ratio', fastApi.p99) },
  ]
}
