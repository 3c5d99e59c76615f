import { once } from 'node:events'
import { connect } from '@gyre/sdk/client'
import { z } from 'zod'
import { environmentVariable, setEnvironment } from '../core/config.ts'
import { loadAnalytics } from '../store/analytics-in-process.ts'
import { startScript, waitingPython, type StartScript } from '../train/python-process.ts'
import { readyPython } from '../train/python-environment.ts'
import { interpreterFile } from '../train/python-step.ts'

/** What the process of a step is told through its environment; as a message, where it was started ahead. */
const Told = z.strictObject({ environment: z.record(z.string(), z.string()) })

/** A process that waits for so long will wait long enough to load DuckDB. */
const LOAD_AFTER_MS = 200

/**
 * A process that was started ahead waits for its job, and gives how it starts scripts; without a job it goes with its
 * server, or is ended. Meanwhile it makes ready what the job before it has needed.
 */
export async function awaitJob(): Promise<StartScript> {
  process.once('disconnect', leave)
  const message = once(process, 'message')
  const folder = environmentVariable('GYRE_PYTHON_ENVIRONMENTS')
  const loading = folder === undefined ? loadForModule() : undefined
  const start = folder === undefined ? startScript : waitingScript(folder)
  const url = environmentVariable('GYRE_URL')
  if (url !== undefined) void askOnce(url)
  const [given] = await message
  clearTimeout(loading)
  // From here on its script has to end with it.
  process.off('disconnect', leave)
  setEnvironment(Told.parse(given).environment)
  return start
}

/** The first request of a process takes ten times as long as the next one. */
async function askOnce(url: string): Promise<void> {
  const client = connect({ url })
  // Whatever is wrong with the server is told by the step.
  await client.get('/health', z.unknown()).catch(() => undefined)
  client.close()
}

/** Most steps of our own language read rows, but one that comes at once need not wait for that. */
function loadForModule(): NodeJS.Timeout {
  void import('./module-step.ts')
  return setTimeout(() => void loadAnalytics(), LOAD_AFTER_MS)
}

/** An interpreter for the environment that the last script had, where that is there. */
async function waitingScript(folder: string): Promise<StartScript> {
  const module = import('./script-step.ts')
  const lock = environmentVariable('GYRE_PYTHON_LOCK')
  const deps = { folder, known: interpreterFile(folder) }
  // Whatever keeps it from starting is told by the step that needs it.
  const python = await readyPython(deps, lock).catch(() => undefined)
  await module
  return python ? waitingPython(python.command) : startScript
}

function leave(): void {
  process.exit()
}
