import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

const BIN = fileURLToPath(new URL('../../bin/gyre.js', import.meta.url))

/** How a command ended and what it said. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** Options of Node itself, before the program. */
  readonly node?: readonly string[]
}

/** `gyre ARGS` as a user starts it, to its end. Nothing of this process's environment reaches it but PATH. */
export async function gyre(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return endOf(start(args, options))
}

/** A server started by `gyre up` or another command that says it is ready. */
export interface Running {
  readonly url: string
  /** Sends `signal` and waits for the end. */
  stop(signal: NodeJS.Signals): Promise<Ended>
}

/** `gyre up` on a free port, once it says it is ready; gone when the test is. */
export async function up(data: string, args: readonly string[] = []): Promise<Running> {
  const child = start(['up', '--port', '0', '--data', data, ...args], {})
  const ended = endOf(child)
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const url = await Promise.race([readyUrl(child), ended.then(diedEarly)])
  return {
    url,
    async stop(signal) {
      child.kill(signal)
      return ended
    },
  }
}

function start(args: readonly string[], { cwd, env, node = [] }: RunOptions): ChildProcess {
  return spawn(process.execPath, [...node, BIN, ...args], {
    cwd: cwd ?? tmpdir(),
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

async function endOf(child: ChildProcess): Promise<Ended> {
  let [stdout, stderr] = ['', '']
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const [code] = await once(child, 'close')
  return { code: typeof code === 'number' ? code : null, stdout, stderr }
}

function readyUrl(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    child.stdout?.on('data', (chunk: string) => {
      text += chunk
      const url = /ready on (\S+)/.exec(text)?.[1]
      if (url !== undefined) resolve(url)
    })
  })
}

function diedEarly({ code, stderr }: Ended): never {
  throw new Error(`gyre up ended with ${code} before it was ready: ${stderr}`)
}

/** A port that another program holds for as long as the test runs. */
export async function takenPort(): Promise<number> {
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  onTestFinished(() => void holder.close())
  const address = holder.address()
  if (address === null || typeof address === 'string') throw new Error('no TCP address')
  return address.port
}
