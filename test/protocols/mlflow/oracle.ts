import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'

/** A server that answers MLflow's protocol. */
export interface Server {
  readonly url: string
  /** Of the process above its workers. */
  readonly pid: number
  stop(): Promise<void>
}

/** MLflow's own server on SQLite, with everything it keeps inside `folder`. */
export async function startMlflow(python: string, folder: string, workers = 1): Promise<Server> {
  const port = await freePort()
  const args = ['-m', 'mlflow', 'server', '--host', '127.0.0.1', '--port', String(port)]
  args.push('--workers', String(workers), '--serve-artifacts')
  args.push('--backend-store-uri', `sqlite:///${join(folder, 'mlflow.db')}`)
  args.push('--artifacts-destination', join(folder, 'artifacts'))
  const child = spawn(python, args, {
    cwd: folder,
    env: {
      PATH: process.env['PATH'],
      HOME: folder,
      MLFLOW_DISABLE_TELEMETRY: 'true',
      // Its queues for evaluation jobs: three more processes, and nothing here asks for a job.
      MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false',
    },
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true, // the head of a process group: uvicorn is its child and must end with it
  })
  const ended = once(child, 'close')
  let said = ''
  const ready = new Promise<void>((resolve) => {
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text
      if (said.includes('Uvicorn running on')) resolve()
    })
  })
  const died = ended.then(() => {
    throw new Error(`mlflow server ended before it was ready:\n${said}`)
  })
  await Promise.race([ready, died])
  died.catch(() => undefined)
  const { pid } = child
  if (pid === undefined) throw new Error('a process that said it was ready has no pid')
  return {
    url: `http://127.0.0.1:${port}`,
    pid,
    async stop() {
      process.kill(-pid, 'SIGKILL')
      await ended
    },
  }
}

/** A port nobody held a moment ago: `mlflow server` cannot choose one itself and tell. */
async function freePort(): Promise<number> {
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  const address = holder.address()
  if (address === null || typeof address === 'string') throw new Error('no TCP address')
  holder.close()
  await once(holder, 'close')
  return address.port
}
