import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'

const HERE = fileURLToPath(new URL('.', import.meta.url))

/** One act of a scenario's client and what it read back. */
export interface Step {
  readonly step: string
  readonly value?: unknown
}

const Transcript = z.array(z.object({ step: z.string(), value: z.unknown() }))

/**
 * Runs `scenarios/NAME.py`, or another script beside them, with the MLflow client against `server`, in an empty
 * folder of its own. `more` are variables of its environment.
 */
export async function runScenario(
  python: string,
  name: string,
  server: string,
  more: Readonly<Record<string, string>> = {},
): Promise<readonly Step[]> {
  const folder = await mkdtemp(join(tmpdir(), 'gyre-scenario-'))
  try {
    const child = spawn(python, [join(HERE, 'scenarios', `${name}.py`)], {
      cwd: folder,
      env: { ...clientEnvironment(server, folder), ...more },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const [[code], stdout, stderr] = await Promise.all([
      once(child, 'close'),
      text(child.stdout),
      text(child.stderr),
    ])
    if (code !== 0) throw new Error(`${name}.py against ${server} ended with ${code}:\n${stderr}`)
    return Transcript.parse(
      JSON.parse(stdout.slice(stdout.lastIndexOf('\n', stdout.length - 2) + 1)),
    )
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function clientEnvironment(server: string, folder: string): Record<string, string | undefined> {
  return {
    PATH: process.env['PATH'],
    HOME: folder,
    USER: 'tester', // the client tells the server who started a run
    TZ: 'UTC',
    PYTHONPATH: HERE,
    PYTHONWARNINGS: 'ignore',
    OMP_NUM_THREADS: '1',
    MLFLOW_TRACKING_URI: server,
    MLFLOW_DISABLE_TELEMETRY: 'true',
    MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR: 'false',
    // MLflow's server answers 500 to some bad input. The client would repeat that for four minutes.
    MLFLOW_HTTP_REQUEST_MAX_RETRIES: '0',
  }
}
