import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { atLeast, type BenchLine, type Bound } from '../line.ts'
import { startGyre, type Program } from '../program.ts'
import { startRun } from './client.ts'
import { startMlflows } from './mlflow.ts'
import { rateLine, takeTurns } from './turns.ts'

const REPEATS = 5

/** Clients that log, each to a run of its own. */
interface Logging {
  readonly name: string
  readonly unit: string
  readonly path: string
  readonly clients: number
  /** Requests of a round, ours and a peer's: each takes some seconds. */
  readonly requests: readonly [ours: number, peer: number]
  /** What one request counts for. */
  readonly each: number
  readonly bound?: Bound
  readonly body: (run: string, request: number) => object
}

const ONE_BY_ONE: Logging = {
  name: 'log-metric, 16 clients',
  unit: 'metrics/s',
  path: '/mlflow/runs/log-metric',
  clients: 16,
  requests: [4_000, 320],
  each: 1,
  bound: atLeast('ratio', 10),
  body: (run, request) => ({ run_uuid: run, run_id: run, ...pointOf('loss', request) }),
}

/** MLflow takes at most so many points in a request. */
const BATCH = 1_000

/** SQLite refuses MLflow's workers (`database is locked`) when more of them write such batches. */
const BATCH_CLIENTS = 4

const BATCHES: Omit<Logging, 'name' | 'body'> = {
  unit: 'metrics/s',
  path: '/mlflow/runs/log-batch',
  clients: BATCH_CLIENTS,
  requests: [300, 16],
  each: BATCH,
}

const TEN_KEYS: Logging = {
  ...BATCHES,
  name: `log-batch of ${BATCH}: 10 keys × 100 steps, ${BATCH_CLIENTS} clients`,
  bound: atLeast('ratio', 20),
  body: (run, request) =>
    batchOf(run, (i) => pointOf(`m${i % 10}`, request * 100 + (i - (i % 10)) / 10)),
}

const MANY_KEYS: Logging = {
  ...BATCHES,
  name: `log-batch of ${BATCH}: as many keys, ${BATCH_CLIENTS} clients`,
  requests: [100, 12],
  body: (run, request) => batchOf(run, (i) => pointOf(`m${i}`, request)),
}

/** What clients log a second, durably on our side, beside MLflow's own server on SQLite. */
export async function benchLog(python: string | undefined): Promise<BenchLine[]> {
  const folder = await mkdtemp(join(tmpdir(), 'gyre-bench-'))
  const programs: Program[] = []
  try {
    const gyre = await startGyre(join(folder, 'gyre'))
    programs.push(gyre)
    const peers = await startMlflows(python, folder)
    programs.push(...peers)
    const lines: BenchLine[] = []
    for (const logging of [ONE_BY_ONE, TEN_KEYS, MANY_KEYS]) {
      const turns = await takeTurns(gyre, peers, REPEATS, (program, isPeer) =>
        planOf(program, logging, logging.requests[isPeer ? 1 : 0]),
      )
      const { name, unit, bound } = logging
      lines.push(rateLine(turns, { name, unit, ...(bound ? { bound } : {}) }, logging.each))
    }
    return lines
  } finally {
    for (const program of programs) await program.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

async function planOf({ port }: Program, { path, clients, body }: Logging, requests: number) {
  const runs: string[] = []
  for (let i = 0; i < clients; i++) runs.push(await startRun(port))
  const bodies = Array.from({ length: requests }, (_, i) =>
    JSON.stringify(body(runs[i % clients] ?? '', Math.floor(i / clients))),
  )
  return { path: `/api/2.0${path}`, connections: clients, requests, bodies }
}

function batchOf(run: string, point: (i: number) => object): object {
  return { run_id: run, metrics: Array.from({ length: BATCH }, (_, i) => point(i)) }
}

function pointOf(key: string, step: number): object {
  return { key, value: Math.random(), timestamp: Date.now(), step }
}
