import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startMlflow } from '../../../test/protocols/mlflow/oracle.ts'
import { pinnedPython } from '../../../test/protocols/python.ts'
import { treeUsage } from '../process-tree.ts'
import type { Program } from '../program.ts'
import type { PastRun } from './past.ts'

/** MLflow's own server with one setting of `--workers`. */
export interface Mlflow extends Program {
  readonly name: string
}

/** One, and as many as it takes unless told. The better of the two is the peer in each row. */
export const WORKERS = [1, 4]

const REQUIREMENTS = fileURLToPath(
  new URL('../../../test/protocols/mlflow/requirements.txt', import.meta.url),
)

const FILL = fileURLToPath(new URL('mlflow_fill.py', import.meta.url))

/** A server that has begun to listen is asked again so often until it answers. */
const ASK_AGAIN_MS = 10

/** The Python of MLflow's protocol tests; undefined, and said so, where there is none. */
export async function mlflowPython(): Promise<string | undefined> {
  try {
    return await pinnedPython(REQUIREMENTS)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    process.stdout.write(`skipped: MLflow as the peer, for it cannot be installed: ${reason}\n`)
    return undefined
  }
}

/** MLflow's server with each of its settings, over one folder; none without a Python. */
export async function startMlflows(
  python: string | undefined,
  folder: string,
): Promise<readonly Mlflow[]> {
  const started: Mlflow[] = []
  if (python === undefined) return started
  // One after the other: the first makes the tables.
  for (const workers of WORKERS) started.push(await startAnswering(python, folder, workers))
  return started
}

/** Ready once it has answered a request. */
export async function startAnswering(
  python: string,
  folder: string,
  workers: number,
): Promise<Mlflow> {
  const startedMs = performance.now()
  const server = await startMlflow(python, folder, workers)
  const port = Number(new URL(server.url).port)
  await firstAnswer(port)
  return {
    name: `mlflow server, ${workers} ${workers === 1 ? 'worker' : 'workers'}`,
    port,
    readyMs: performance.now() - startedMs,
    usage: () => treeUsage(server.pid),
    stop: () => server.stop(),
  }
}

/** Asks for an experiment until there is an answer. */
export async function firstAnswer(port: number): Promise<void> {
  const url = `http://127.0.0.1:${port}/api/2.0/mlflow/experiments/search?max_results=1`
  for (;;) {
    const reply = await fetch(url).catch(() => undefined)
    await reply?.arrayBuffer()
    if (reply?.ok) return
    await delay(ASK_AGAIN_MS)
  }
}

/** Puts runs into the database of an MLflow that is not running, by SQL; gives their experiment's id. */
export async function fillMlflow(
  python: string,
  folder: string,
  runs: Iterable<PastRun>,
): Promise<string> {
  const child = spawn(python, [FILL, join(folder, 'mlflow.db'), 'past'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  const [printed] = await Promise.all([text(child.stdout), pipeline(linesOf(runs), child.stdin)])
  const [code] = await ended
  if (code !== 0) throw new Error(`${FILL} ended with ${String(code)}`)
  return printed.trim()
}

function linesOf(runs: Iterable<PastRun>): Readable {
  return Readable.from(
    (function* () {
      for (const run of runs) yield `${JSON.stringify(run)}\n`
    })(),
  )
}
