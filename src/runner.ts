import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from '@gyre/sdk/client'
import { environmentVariable } from './core/config.ts'
import { toGyreError } from './core/errors.ts'
import { guardGroup } from './core/guard-group.ts'
import { TOLD_TO_END, wasInterrupted } from './pipelines/interrupted.ts'
import { thrownFailure } from './pipelines/thrown-failure.ts'
import { awaitJob } from './runner/await-job.ts'
import { perform } from './runner/perform.ts'
import { performItems } from './runner/perform-items.ts'
import { Done, heartbeat } from './runner/station.ts'
import { variable } from './runner/variable.ts'
import { startScript, type StartScript } from './train/python-process.ts'
import type { OpenModel } from './train/scored-model.ts'

/** Loaded by those who judge a model alone: another step would wait a tenth of a second for nothing. */
const openModel: OpenModel = async (path, width) =>
  (await import('./infer/runtimes/onnx.ts')).openOnnx(path, width)

/** Half a lease lasts 15 s; two beats may be lost before the step is. */
const HEARTBEAT_MS = 5_000

/** Runs one step: asks the server for its work, does it, and reports. The process of a `module`, `python` or `gate` step. */
async function main(start: StartScript): Promise<void> {
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
  const place = { station, folder, signal: stopping.signal, start, openModel }
  try {
    if (worker !== undefined) return await performItems(place, worker)
    const outputs = await perform(place)
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

guardGroup()
await main(environmentVariable('GYRE_SPARE') === undefined ? startScript : await awaitJob())
// The channel to the server would keep the process alive.
process.exit()
