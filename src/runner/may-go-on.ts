import type { StepSpec } from '@gyre/sdk/wire/pipeline'
import { durationMs } from '../core/duration.ts'
import { GyreError, toGyreError } from '../core/errors.ts'
import { wasInterrupted } from '../pipelines/interrupted.ts'

/**
 * Does the work of a step. One that may go on after a kill throws UNAVAILABLE, `interrupted`, where it was ended or told
 * to end; it is ended by force when its grace is over.
 */
export async function mayGoOn<T>(
  { resume, name }: Extract<StepSpec, { kind: 'module' | 'python' }>,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const limit = new AbortController()
  if (resume)
    signal.addEventListener('abort', () => {
      const graceMs = durationMs(resume.grace, 'grace')
      const force = setTimeout(() => process.kill(-process.pid, 'SIGKILL'), graceMs)
      limit.signal.addEventListener('abort', () => clearTimeout(force))
    })
  try {
    return await work()
  } catch (thrown) {
    if (!resume || (!signal.aborted && !wasInterrupted(thrown))) throw plainly(thrown)
    throw new GyreError(
      'UNAVAILABLE',
      `step ${name} was interrupted: ${toGyreError(thrown).message}`,
      { interrupted: true },
      thrown,
    )
  } finally {
    limit.abort()
  }
}

/** Of a step that does not go on, an interruption is a failure like any other. */
function plainly(thrown: unknown): unknown {
  const { code, message } = toGyreError(thrown)
  return wasInterrupted(thrown) ? new GyreError(code, message, {}, thrown) : thrown
}
