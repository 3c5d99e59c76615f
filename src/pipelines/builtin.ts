import type { StepSpec } from '@gyre/sdk/wire/pipeline'
import type { JsonValue } from '@gyre/sdk/wire/ref'
import type { MetricPoint, RunRef } from '@gyre/sdk/wire/run'
import type { Context } from '../core/context.ts'
import type { Tx } from '../store/catalog.ts'

export interface BuiltinStep<Kind extends StepSpec['kind']> {
  readonly spec: Extract<StepSpec, { kind: Kind }>
  readonly inputs: Readonly<Record<string, JsonValue>>
  /** What `prepare` said when the step began; the step is done on exactly that. */
  readonly extra: JsonValue
  readonly runId: string
  readonly codeRef: string
  /** Its run repeats another: it measures, and decides nothing. */
  readonly isRepeat: boolean
}

/** What a step made: its outputs, and what it read or made beyond what its inputs name. */
export interface BuiltinResult {
  readonly outputs: JsonValue
  readonly read?: readonly RunRef[]
  readonly made?: readonly RunRef[]
  /** Points of the step's run that are not logged yet. */
  readonly metrics?: readonly MetricPoint[]
}

type Prepared<Kind extends StepSpec['kind']> = Pick<
  BuiltinStep<Kind>,
  'spec' | 'inputs' | 'codeRef'
>

/** A step that Gyre brings along. */
interface Builtin<Kind extends StepSpec['kind']> {
  /** Whether its outputs may stand in for those of the same step on the same inputs. */
  readonly cached: boolean
  /** What the step reads besides its inputs (data versions, the champion); part of its cache key. */
  prepare(ctx: Context, step: Prepared<Kind>): Promise<JsonValue>
}

/** A built-in step that runs in the server. */
export interface ServerBuiltin<Kind extends StepSpec['kind']> extends Builtin<Kind> {
  readonly where: 'server'
  run(ctx: Context, step: BuiltinStep<Kind>): Promise<BuiltinResult>
}

/** A built-in step that only writes to the catalog, in one unit with its own end: it happens once, whatever dies. */
export interface UnitBuiltin<Kind extends StepSpec['kind']> extends Builtin<Kind> {
  readonly where: 'unit'
  write(tx: Tx, ctx: Context, step: BuiltinStep<Kind>): Promise<BuiltinResult>
}

/** A built-in step that computes in a process of its own and is judged in the server, in one unit with its end. */
export interface RunnerBuiltin<Kind extends StepSpec['kind']> extends Builtin<Kind> {
  readonly where: 'runner'
  finish(tx: Tx, ctx: Context, step: BuiltinStep<Kind>, reported: JsonValue): Promise<BuiltinResult>
}

/** The built-in steps, handed in by the composition root: they live in rooms beside or above this one. */
export interface Builtins {
  readonly 'training-set': ServerBuiltin<'training-set'>
  readonly gate: RunnerBuiltin<'gate'>
  readonly register: UnitBuiltin<'register'>
}
