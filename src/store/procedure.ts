import { CompiledQuery } from 'kysely'
import type { Tx } from './catalog.ts'
import type { LogRun, LoggedRun } from './procedures/log-run.ts'
import type { LogSpans } from './procedures/log-spans.ts'

/**
 * Work that a unit hands to the catalog whole: where a verb would take five statements for every request of a
 * hot path, it takes one message. What each does is in `procedures/`.
 */
export interface Procedures {
  readonly 'log-run': { readonly args: LogRun; readonly result: LoggedRun }
  readonly 'log-spans': { readonly args: LogSpans; readonly result: null }
}

export type ProcedureName = keyof Procedures

/** A procedure and what it is given. */
export interface ProcedureCall<N extends ProcedureName = ProcedureName> {
  readonly name: N
  readonly args: Procedures[N]['args']
}

/** Runs a procedure as a part of the unit. Throws what the procedure throws. */
export async function callProcedure<N extends ProcedureName>(
  tx: Tx,
  name: N,
  args: Procedures[N]['args'],
): Promise<Procedures[N]['result']> {
  const call = new CallParameter({ name, args })
  const { rows } = await tx.executeQuery<Procedures[N]['result']>(
    CompiledQuery.raw(`CALL ${name}`, [call]),
  )
  const [result] = rows
  if (result === undefined) throw new Error(`procedure ${name} gave nothing`)
  return result
}

/** The only parameter of a statement that is a call: what the driver of the catalog looks for. */
export class CallParameter {
  readonly call: ProcedureCall
  constructor(call: ProcedureCall) {
    this.call = call
  }
}
