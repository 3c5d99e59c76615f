import type { Context } from '../core/context.ts'
import { groupBy } from '../core/group.ts'
import type { Tx } from './catalog.ts'
import { encodePoints, type ChunkPoint } from './metric-chunks.ts'
import { callProcedure } from './procedure.ts'
import type { LoggedRun } from './procedures/log-run.ts'
import type { ParamCell } from './run-labels.ts'

/** A point of one of a run's metrics. */
export interface RunPoint extends ChunkPoint {
  readonly key: string
}

/** What is logged to a run at once. */
export interface RunLog {
  readonly points?: readonly RunPoint[]
  /** One that the run has already must have the same value. */
  readonly params?: readonly (readonly [key: string, cell: ParamCell])[]
  /** A key given again takes the new value. */
  readonly tags?: Iterable<readonly [key: string, value: string]>
}

/**
 * Logs all of it or nothing, in one message to the catalog. `tracked`: refuse a run that was deleted, and one
 * that no client logs. Throws NOT_FOUND, CONFLICT, INVALID_ARGUMENT.
 */
export function logToRun(
  tx: Tx,
  { project }: Context,
  run: string,
  { points = [], params = [], tags = [] }: RunLog,
  tracked = false,
): Promise<LoggedRun> {
  const byKey = [...groupBy(points, ({ key }) => key)]
  return callProcedure(tx, 'log-run', {
    project,
    run,
    tracked,
    series: {
      keys: byKey.map(([key]) => key),
      counts: byKey.map(([, added]) => added.length),
      points: encodePoints(byKey.flatMap(([, added]) => added)),
    },
    params,
    tags: [...tags],
  })
}
