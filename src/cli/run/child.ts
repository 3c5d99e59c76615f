import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import { finished } from 'node:stream/promises'
import { errnoOf, GyreError } from '../../core/errors.ts'

export interface ChildSpec {
  readonly program: readonly [string, ...string[]]
  readonly folder: string
  readonly environment: Readonly<Record<string, string>>
  /** Where what it says goes besides the terminal. */
  readonly logs: Readonly<Record<'stdout' | 'stderr', string>>
  /** Told what it prints, both streams as they come. */
  readonly onOutput: (text: string) => void
  /** Where it appears: on this process's own stdout, or with its stderr. */
  readonly stdoutTo: NodeJS.WritableStream
}

export interface ChildEnd {
  /** Null where a signal ended it. */
  readonly exit: number | null
  readonly signal: string | null
  /** Whether it was asked to stop. */
  readonly isStopped: boolean
  /** The last lines on its stderr. */
  readonly lastLines: readonly string[]
}

/** What a program may take to end once it is asked to. */
const GRACE_MS = 10_000

const TAIL_CHARS = 4_000

/**
 * Runs a program in a process group of its own, to its end. SIGINT, SIGTERM and SIGHUP of this process are SIGTERM to the
 * group, then SIGKILL; the second one is SIGKILL at once. When this process is killed, the group is ended too. Throws
 * STEP_FAILED where the program cannot be started.
 */
export async function runChild(spec: ChildSpec): Promise<ChildEnd> {
  const { program, folder, environment, logs, stdoutTo, onOutput } = spec
  const [name, ...args] = program
  const child = spawn(name, args, {
    cwd: folder,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  await once(child, 'spawn').catch((thrown: unknown) => {
    throw startFailure(name, thrown)
  })
  const written = [
    tee(child.stdout, stdoutTo, logs.stdout),
    tee(child.stderr, process.stderr, logs.stderr),
  ]
  for (const stream of [child.stdout, child.stderr]) {
    const decoder = new StringDecoder('utf8')
    stream.on('data', (chunk: Buffer) => onOutput(decoder.write(chunk)))
  }
  let tail = ''
  child.stderr.on('data', (chunk: Buffer) => {
    tail = (tail + chunk.toString('utf8')).slice(-TAIL_CHARS)
  })
  const group = child.pid ?? 0
  const guard = guardOf(group)
  const stopping = stopOnSignals(group)
  const closed = once(child, 'close')
  const [exit, signal] = await once(child, 'exit')
  // What it has left behind in its group would hold its streams open.
  const late = endGroup(group)
  await closed
  clearTimeout(late)
  guard.kill('SIGKILL')
  stopping.forget()
  await Promise.all(written)
  return {
    exit: typeof exit === 'number' ? exit : null,
    signal: typeof signal === 'string' ? signal : null,
    isStopped: stopping.isStopped(),
    lastLines: tail
      .trimEnd()
      .split('\n')
      .map((line) => line.trim()),
  }
}

/** To the terminal and into a file; who looks away from the terminal (`| head`) does not stop the run. */
async function tee(from: Readable, terminal: NodeJS.WritableStream, path: string): Promise<void> {
  const file = createWriteStream(path)
  const onError = (): void => void from.unpipe(terminal)
  terminal.on('error', onError)
  from.pipe(terminal, { end: false })
  await finished(from.pipe(file))
  terminal.off('error', onError)
}

/** Waits beside this process, and ends the group when this process is gone and can no longer. */
function guardOf(group: number): ChildProcess {
  const script = `read -r _; kill -s TERM -- "-$1" 2>/dev/null && sleep ${GRACE_MS / 1000}; kill -s KILL -- "-$1" 2>/dev/null`
  const guard = spawn('sh', ['-c', script, 'sh', String(group)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  // Without a shell there is nobody to wait beside; the run itself is lost as any other.
  guard.on('error', () => {})
  guard.unref()
  return guard
}

function stopOnSignals(group: number) {
  let hard: NodeJS.Timeout | undefined
  const stop = (): void => {
    if (hard) return signalGroup(group, 'SIGKILL')
    hard = endGroup(group)
  }
  for (const signal of SIGNALS) process.on(signal, stop)
  return {
    isStopped: () => hard !== undefined,
    forget() {
      clearTimeout(hard)
      for (const signal of SIGNALS) process.off(signal, stop)
    },
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

function endGroup(group: number): NodeJS.Timeout {
  signalGroup(group, 'SIGTERM')
  return setTimeout(() => signalGroup(group, 'SIGKILL'), GRACE_MS)
}

/** A group without a process left has nobody to tell. */
function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal)
  } catch (thrown) {
    if (errnoOf(thrown) !== 'ESRCH') throw thrown
  }
}

function startFailure(program: string, thrown: unknown): unknown {
  if (errnoOf(thrown) !== 'ENOENT') return thrown
  return new GyreError(
    'STEP_FAILED',
    `there is no ${program} here; install it and put it on the PATH`,
    { program },
    thrown,
  )
}
