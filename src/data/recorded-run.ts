import type { Run } from '@gyre/sdk/wire/run'
import type { Context } from '../core/context.ts'
import { toGyreError } from '../core/errors.ts'
import type { NewRun, Runs } from '../store/runs.ts'

/**
 * Does `work` inside a run. `work` ends the run itself, in the write that keeps its result; a throw ends it as
 * failed, the end of the server as lost.
 */
export async function recordedRun<T>(
  runs: Runs,
  ctx: Context,
  start: NewRun,
  work: (run: Run) => Promise<T>,
): Promise<T> {
  const run = await runs.start(ctx, { ...start, endsWithServer: true })
  try {
    return await work(run)
  } catch (thrown) {
    const { code, message } = toGyreError(thrown)
    await runs.finish(ctx, run.id, { status: 'failed', error: { code, message } })
    throw thrown
  }
}
