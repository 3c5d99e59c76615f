import { spawn, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { get, request, type IncomingMessage } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

/** The program, as a file for Node. */
export const BIN = fileURLToPath(new URL('../../bin/gyre.js', import.meta.url))

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
  return begin(args, options).ended
}

/** A command that is under way. */
export interface Begun {
  readonly pid: number
  readonly kill: () => void
  readonly ended: Promise<Ended>
}

/** As `gyre`, for whoever does something to its process before its end. */
export function begin(args: readonly string[], options: RunOptions = {}): Begun {
  const child = start(args, options)
  return {
    pid: child.pid ?? 0,
    kill: () => void child.kill('SIGKILL'),
    ended: endOf(child),
  }
}

/** Builds what is stale, so that no command under test has to say so. */
export async function build(): Promise<void> {
  const { code, stderr } = await gyre(['--build-only'])
  if (code !== 0) throw new Error(`the build failed: ${stderr}`)
}

/** A server started by `gyre up`, or by another command that starts one. */
export interface Running {
  readonly url: string
  readonly pid: number
  /** Resolves once its output matches. */
  says(text: RegExp): Promise<RegExpExecArray>
  /** Sends `signal` and waits for the end. */
  stop(signal: NodeJS.Signals): Promise<Ended>
}

export interface UpOptions extends RunOptions {
  /** `up` unless told. */
  readonly command?: readonly string[]
  readonly args?: readonly string[]
}

/** A server on a free port, once it says it is ready; gone when the test is. */
export async function up(data: string, options: UpOptions = {}): Promise<Running> {
  const server = await launch(data, options)
  onTestFinished(async () => void (await server.stop('SIGKILL')))
  return server
}

/** As `up`, for whoever stops it himself. */
export async function launch(
  data: string,
  { command = ['up'], args = [], ...options }: UpOptions = {},
): Promise<Running> {
  const child = start([...command, '--port', '0', '--data', data, ...args], options)
  const ended = endOf(child)
  const says = sayingOf(child)
  const [, url = ''] = await Promise.race([says(/ready on (\S+)/), ended.then(diedEarly)])
  return {
    url,
    pid: child.pid ?? 0,
    says,
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

/** Waits for what the program says on stdout, from its start on. */
function sayingOf(child: ChildProcess): Running['says'] {
  let said = ''
  child.stdout?.on('data', (chunk: string) => (said += chunk))
  return async (text) => {
    for (;;) {
      const match = text.exec(said)
      if (match) return match
      if (!child.stdout) throw new Error('no stdout')
      await once(child.stdout, 'data')
    }
  }
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

/** A request by hand: `fetch` lets nobody choose the Host header. */
export async function ask(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number | undefined; readonly text: () => Promise<string> }> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, { headers }, resolve).once('error', reject)
  })
  return {
    status: response.statusCode,
    text: async () => (await response.setEncoding('utf8').toArray()).join(''),
  }
}

/** An upload that the server has begun to read; `finish` sends the bytes and resolves with the status. */
export async function upload(
  url: string,
  bytes: Buffer,
): Promise<{ readonly finish: () => Promise<number | undefined> }> {
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
  const sending = request(`${url}/api/v1/blobs/${digest}`, {
    method: 'PUT',
    headers: { expect: '100-continue', 'content-length': bytes.length },
  })
  sending.flushHeaders()
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    sending.once('response', resolve).once('error', reject)
  })
  await once(sending, 'continue')
  return {
    async finish() {
      sending.end(bytes)
      const response = await answered
      response.resume()
      return response.statusCode
    },
  }
}
