import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { childEnvironment } from '../core/config.ts'
import { PACKAGE_ROOT } from '../core/package.ts'
import type { Request } from './protocol.ts'
import { decodeFrame, encodeFrame, type Frame } from './python-frame.ts'
import type { PythonSource } from './session.ts'
import type { Link, LinkDeps, Outcome } from './worker-link.ts'

const SCRIPT = join(PACKAGE_ROOT, 'sdk', 'python', 'worker', 'serve.py')

/** An interpreter starts in a tenth of a second; a machine that swaps may need many times that. */
const START_TIMEOUT_MS = 60_000

/** The server's end of a Python process that holds one model. One request is open at a time. */
export function openPythonLink(
  { log, timers, onCrash }: LinkDeps,
  { key, folder, command: [program, ...flags] }: PythonSource,
): Link {
  const child: ChildProcessByStdio<Writable, Readable, Readable> = spawn(
    program,
    [...flags, SCRIPT],
    {
      cwd: folder,
      env: childEnvironment({ PYTHONNOUSERSITE: '1', OMP_NUM_THREADS: '1' }),
      stdio: ['pipe', 'pipe', 'pipe'],
    },
  )
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()))
  let open: ((outcome: Outcome) => void) | undefined
  let cancelWatchdog: (() => void) | undefined
  let received = Buffer.alloc(0)
  let hasEnded = false
  let isStopping = false

  function settle(outcome: Outcome): void {
    const resolve = open
    open = undefined
    cancelWatchdog?.()
    resolve?.(outcome)
  }

  function end(reason: string): void {
    if (hasEnded) return
    hasEnded = true
    settle({ kind: 'crashed', reason })
    child.kill('SIGKILL')
    if (!isStopping) onCrash(reason)
  }

  function expect(timeoutMs: number): Promise<Outcome> {
    return new Promise((resolve) => {
      if (hasEnded) return resolve({ kind: 'crashed', reason: 'the Python worker has ended' })
      open = resolve
      cancelWatchdog = timers.after(timeoutMs, () => end(`no answer within ${timeoutMs} ms`))
    })
  }

  child.stdout.on('data', (bytes: Buffer) => {
    received = Buffer.concat([received, bytes])
    try {
      for (let one = decodeFrame(received); one; one = decodeFrame(received)) {
        received = Buffer.from(one.rest)
        settle(toAnswer(one.frame))
      }
    } catch (thrown) {
      end(thrown instanceof Error ? thrown.message : String(thrown))
    }
  })
  child.stderr.on('data', (text: Buffer) =>
    log.info({ text: text.toString(), key }, 'model output'),
  )
  child.stdin.on('error', (error) => end(error.message))
  child.once('error', (error) => end(error.message))
  child.once('close', (code, signal) =>
    end(`the Python worker ended with ${signal ?? `exit code ${String(code)}`}`),
  )

  return {
    started: expect(START_TIMEOUT_MS),
    ask(request, timeoutMs) {
      const answer = expect(timeoutMs)
      if (!hasEnded) child.stdin.write(frameOf(request, folder))
      return answer
    },
    // It holds one model, and ends with it.
    drop: () => undefined,
    async stop() {
      isStopping = true
      end('stopped')
      await gone
    },
  }
}

function frameOf(request: Request, folder: string): Buffer {
  if (request.kind === 'tensors') return encodeFrame({ kind: 'tensors' }, request.inputs)
  return encodeFrame({ kind: request.kind, folder })
}

function toAnswer(frame: Frame): Outcome {
  if (frame.kind !== 'loaded') return frame
  const { inputs, outputs } = frame
  // A model of its own code may mix the rows that it is given.
  const graph = { inputs, outputs, operators: {}, batches: false, maxBatch: 0 }
  return { kind: 'loaded', graph }
}
