import type { Context } from '../core/context.ts'
import type { Runs } from '../store/runs.ts'

/**
 * A step starts over so often after its server stopped under it, whatever its retries: those are for its own
 * failures. Once more, and it may be the step that takes the server down.
 */
export const MAX_LOST = 5

/** More than the steps of any pipeline, each lost as often as may be. */
const LIMIT = 10_000

/** How many attempts at each step of a pipeline run went down with their server; by step. */
export async function lostAttempts(
  { runs }: { readonly runs: Pick<Runs, 'list'> },
  ctx: Context,
  pipelineRunId: string,
): Promise<ReadonlyMap<string, number>> {
  const lost = await runs.list(ctx, { parentId: pipelineRunId, status: 'lost' }, LIMIT)
  const counts = new Map<string, number>()
  for (const { name } of lost.runs) counts.set(name, (counts.get(name) ?? 0) + 1)
  return counts
}
