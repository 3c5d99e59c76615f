import { setPriority } from 'node:os'
import { toGyreError } from '../../core/errors.ts'
import type { AnalyticsOptions } from '../analytics.ts'
import type { Answer, Request, Response } from './duckdb-protocol.ts'
import { openDuckDb } from './duckdb.ts'

/** A scan over a year of predictions may wait; a prediction may not. */
const NICE = 5

const running = new Map<number, AbortController>()

/** The entry of the child process: one argument, the options as JSON, from the parent that made them. */
async function serve(options: AnalyticsOptions): Promise<void> {
  const analytics = await openDuckDb(options)

  function run(request: Exclude<Request, { verb: 'abort' }>, signal: AbortSignal): Promise<Answer> {
    // The parent keeps the time: without a limit of its own the child cannot disagree.
    const limits = { signal, timeoutMs: 2 ** 31 - 1 }
    switch (request.verb) {
      case 'query':
        return analytics.query(request.sql, request.params, limits)
      case 'columns':
        return analytics.columns(request.sql, request.params, limits)
      case 'exec':
        return analytics.exec(request.sql, limits).then(() => undefined)
    }
  }

  async function respond(request: Exclude<Request, { verb: 'abort' }>): Promise<void> {
    const { id } = request
    const abort = new AbortController()
    running.set(id, abort)
    try {
      send({ id, ok: true, answer: await run(request, abort.signal) })
    } catch (error) {
      const { code, message } = toGyreError(error)
      send({ id, ok: false, code, message })
      // A FATAL error leaves DuckDB answering nothing but errors; the parent starts another process.
      if (message.startsWith('FATAL Error')) process.disconnect()
    } finally {
      running.delete(id)
    }
  }

  process.on('message', (request: Request) => {
    if (request.verb === 'abort') running.get(request.id)?.abort()
    else void respond(request)
  })
}

function send(response: Response): void {
  process.send?.(response)
}

// Not by `process.exit`: that lets DuckDB put things away, and under a query it may wait for itself for ever.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
setPriority(NICE)
await serve(JSON.parse(process.argv[2] ?? '{}'))
