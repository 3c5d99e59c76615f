import { stat } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import type { Clock } from '../core/clock.ts'
import { errnoOf, GyreError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import { planEviction } from './budget.ts'
import type { Lane } from './lane.ts'
import { openLease, scoredSession, tensorSession, type Lease } from './lease.ts'
import { LiveSession, type PooledSession } from './live-session.ts'
import { Pool } from './pool.ts'
import { openPythonLink } from './python-link.ts'
import { scoredLane } from './scored-lane.ts'
import {
  sessionKey,
  type GraphSource,
  type ModelAnswer,
  type ModelRow,
  type ModelSource,
  type PythonSource,
  type Session,
  type Source,
  type TensorAnswer,
  type TensorAsk,
  type TensorSession,
} from './session.ts'
import { tensorLane } from './tensor-lane.ts'
import { systemTimers, type Timers } from './timers.ts'
import { WorkerLink, type LinkDeps } from './worker-link.ts'
import type { WorkerState } from './worker-slot.ts'

interface SessionStats {
  readonly key: string
  readonly leases: number
  readonly rows: number
  readonly batches: number
  /** Rows waiting for a worker. */
  readonly queued: number
  /** Rows answered with an error of the model's own: MODEL_FAILED or a worker that died. */
  readonly failures: number
  readonly failed: string | undefined
  readonly bytes: number
}

interface InferStats {
  readonly sessions: readonly SessionStats[]
  readonly workers: readonly { readonly state: WorkerState; readonly restarts: number }[]
}

/** Model sessions in worker threads: the server's own thread never runs a model or a line of user code. */
export interface Infer {
  /** Starts the workers ahead of the first model, where one is sure to come: onnxruntime takes 0.3 s to load. */
  start(): void
  /**
   * Loads and warms a model on every worker, once per key however many ask. After the last lease is
   * closed it stays loaded while the memory budget has room. Throws INVALID_INPUT for a file or spec
   * that is no model, NOT_FOUND without the file, MODEL_FAILED when loading kills the worker, and
   * UNAVAILABLE when leased models take the whole budget. With `priority`, it is that of everything asked
   * through the lease.
   */
  open(source: ModelSource, priority?: number): Promise<Session>
  /** As `open`, for what is asked by its tensors; a Python model in a process of its own, which others do not share. */
  openGraph(source: GraphSource | PythonSource, priority?: number): Promise<TensorSession>
  stats(): InferStats
  /** Answers every row it has accepted, refuses new ones, ends the workers. */
  close(): Promise<void>
}

export interface InferDeps {
  readonly clock: Clock
  readonly log: Log
  readonly timers?: Timers
  /** Worker threads; 0 = one per core, less one for the event loop. */
  readonly workers?: number
  /** Above 32 rows a small tabular model gains little throughput and the last row waits for the first. */
  readonly maxBatch?: number
  /** Rows that may wait per session; more are OVERLOADED. */
  readonly maxQueueRows?: number
  /** A batch that takes longer ends its worker. */
  readonly batchTimeoutMs?: number
  /** The same for loading a model and importing its code. */
  readonly loadTimeoutMs?: number
  /** For model files × workers: a first guess at what they take in memory. */
  readonly memoryBudgetBytes?: number
}

const DEFAULTS = {
  timers: systemTimers,
  workers: 0,
  maxBatch: 32,
  maxQueueRows: 1_024,
  batchTimeoutMs: 10_000,
  loadTimeoutMs: 30_000,
  memoryBudgetBytes: 512 * 1024 * 1024,
}

/** One process a model; importing MLflow and a library alone takes seconds, on a busy machine a minute. */
const PYTHON = { workers: 1, batchTimeoutMs: 60_000, loadTimeoutMs: 180_000 }

/** A loaded model and who holds it. */
interface Holding<Ask, Reply> {
  readonly live: LiveSession<Ask, Reply>
  readonly pool: Pool
  readonly bytes: number
  readonly ready: Promise<void>
  leases: number
  lastUsedMs: number
}

/** What of a holding does not depend on how it is asked. */
interface Loaded {
  readonly live: PooledSession
  readonly pool: Pool
}

export function createInfer(deps: InferDeps): Infer {
  const settings = { ...DEFAULTS, ...deps }
  const { clock, memoryBudgetBytes } = settings
  const workers = settings.workers || Math.max(1, availableParallelism() - 1)
  const threads = new Pool({ ...settings, workers, openLink: (link) => new WorkerLink(link) })
  const scored = new Map<string, Holding<ModelRow, ModelAnswer>>()
  const graphs = new Map<string, Holding<TensorAsk, TensorAnswer>>()
  const all = () => [...scored.values(), ...graphs.values()]
  let nextId = 1
  let isClosed = false

  const poolFor = (source: Source): Pool => {
    if (source.kind !== 'python') return threads
    const openLink = (link: LinkDeps) => openPythonLink(link, source)
    return new Pool({ ...settings, ...PYTHON, openLink })
  }

  const drop = ({ live, pool }: Loaded): void => {
    scored.delete(sessionKey(live.source))
    graphs.delete(sessionKey(live.source))
    pool.remove(live)
    if (pool !== threads) void pool.close()
  }

  const makeRoom = (key: string, bytes: number): void => {
    const entries = all().map((holding) => ({
      holding,
      bytes: holding.bytes,
      pinned: holding.leases > 0 || holding.live.queue.unanswered > 0,
      lastUsedMs: holding.lastUsedMs,
    }))
    const evicted = planEviction(entries, bytes, memoryBudgetBytes)
    if (!evicted)
      throw new GyreError(
        'UNAVAILABLE',
        `${key}: ${bytes} bytes do not fit beside the models in use (budget ${memoryBudgetBytes})`,
        { key, bytes, memoryBudgetBytes, retryAfterS: 10 },
      )
    for (const { holding } of evicted) drop(holding)
  }

  function hold<Ask, Reply>(
    source: Source,
    lane: Lane<Ask, Reply>,
    bytes: number,
  ): Holding<Ask, Reply> {
    makeRoom(source.key, bytes)
    const live = new LiveSession(nextId++, source, lane, { ...settings, workers })
    const lastUsedMs = clock.monotonicMs()
    const pool = poolFor(source)
    return { live, pool, bytes, ready: pool.add(live), leases: 0, lastUsedMs }
  }

  /** A lease on the model of this key, which is loaded if it is not; by the first who asks for it. */
  async function lease<Ask, Reply>(
    holdings: Map<string, Holding<Ask, Reply>>,
    source: Source,
    lane: Lane<Ask, Reply>,
    priority?: number,
  ): Promise<Lease<Ask, Reply>> {
    const key = sessionKey(source)
    const copies = Math.min(workers, workersOf(source) ?? workers)
    const bytes = holdings.has(key) ? 0 : (await fileBytes(source)) * copies
    if (isClosed) throw new GyreError('UNAVAILABLE', `${source.key}: the server is stopping`)
    const holding = holdings.get(key) ?? hold(source, lane, bytes)
    holdings.set(key, holding)
    holding.leases += 1
    try {
      await holding.ready
    } catch (thrown) {
      if (holdings.get(key) === holding) drop(holding)
      throw thrown
    }
    return openLease(holding.live, {
      wake: () => holding.pool.wake(holding.live),
      isClosed: () => isClosed,
      priority,
      release() {
        holding.leases -= 1
        holding.lastUsedMs = clock.monotonicMs()
        if (holding.leases === 0 && holding.live.failed !== undefined) drop(holding)
      },
    })
  }

  return {
    start: () => threads.start(),
    open: async (source, priority) =>
      scoredSession(source, await lease(scored, source, scoredLane(source), priority)),
    openGraph: async (source, priority) => {
      const lane = tensorLane(source.kind === 'graph' ? source : { maxBatch: 0 })
      return tensorSession(source, await lease(graphs, source, lane, priority))
    },
    stats: () => ({
      sessions: all().map(statsOf),
      workers: threads.workers.map(({ state, restarts }) => ({ state, restarts })),
    }),
    async close() {
      isClosed = true
      const pools = new Set([threads, ...all().map(({ pool }) => pool)])
      await Promise.all([...pools].map((pool) => pool.close()))
    },
  }
}

function workersOf(source: Source): number | undefined {
  return source.kind === 'graph' ? source.runs?.workers : undefined
}

async function fileBytes(source: Source): Promise<number> {
  if (source.kind === 'python') return 0
  const { key, onnxPath } = source
  const beside = source.kind === 'graph' ? source.beside : []
  try {
    const files = [onnxPath, ...beside.map(({ path }) => path)].map((path) => stat(path))
    return (await Promise.all(files)).reduce((sum, { size }) => sum + size, 0)
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT')
      throw new GyreError('NOT_FOUND', `${key}: there is no model.onnx`, { key }, cause)
    throw cause
  }
}

function statsOf({
  live,
  leases,
  bytes,
}: Pick<Holding<never, never>, 'leases' | 'bytes'> & {
  readonly live: PooledSession
}): SessionStats {
  const { source, failures, failed, queue } = live
  const { rowsRun: rows, executions: batches } = live.statistics.read()
  return { key: source.key, leases, rows, batches, queued: queue.waiting, failures, failed, bytes }
}
