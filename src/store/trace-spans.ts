import type { Context } from '../core/context.ts'
import type { Tx } from './catalog.ts'
import { callProcedure } from './procedure.ts'
import type { TraceOfSpans } from './procedures/log-spans.ts'

export type { SpanCells, TraceOfSpans } from './procedures/log-spans.ts'

/**
 * Keeps spans and what they tell of their traces, in one message to the catalog; one that was sent before is
 * replaced. Traces that there were not before are made in `experiment`.
 */
export async function logSpans(
  tx: Tx,
  { project }: Context,
  experiment: number,
  traces: readonly TraceOfSpans[],
): Promise<void> {
  await callProcedure(tx, 'log-spans', { project, experiment, traces })
}
