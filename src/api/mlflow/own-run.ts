import { GyreError } from '../../core/errors.ts'
import type { Asking, MlflowRoute } from './route.ts'

/**
 * Lets whoever comes with a key log to any run, and a step to the run of its present attempt alone. Throws FORBIDDEN,
 * and FENCED for a step that has gone to another attempt.
 */
export async function assertOwnRun(
  route: MlflowRoute,
  input: unknown,
  asking: Asking,
): Promise<void> {
  const { rooms, ctx } = asking
  if (!ctx.actor.startsWith('step:')) return
  const own = await rooms.pipelines.ownRun(ctx)
  if ((await route.logsTo?.(input, asking)) === own) return
  throw new GyreError(
    'FORBIDDEN',
    `a step may log to its own run alone, which is ${own}; mlflow.start_run(run_id=...) takes it up again`,
    { run: own },
  )
}
