import type { ProcedureCall, ProcedureName, Procedures } from '../procedure.ts'
import { logRun } from './log-run.ts'
import { logSpans } from './log-spans.ts'
import type { Sql } from './sql.ts'

type Run<N extends ProcedureName> = (
  sql: Sql,
  args: Procedures[N]['args'],
) => Procedures[N]['result']

const PROCEDURES: { readonly [N in ProcedureName]: Run<N> } = {
  'log-run': logRun,
  'log-spans': logSpans,
}

/** Runs a procedure to its end at once: nothing else happens in its unit meanwhile. */
export function runProcedure<N extends ProcedureName>(
  sql: Sql,
  { name, args }: ProcedureCall<N>,
): Procedures[N]['result'] {
  return PROCEDURES[name](sql, args)
}
