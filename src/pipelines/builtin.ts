import type { StepSpec } from '@gyre/sdk/wire/pipeline'
import type { JsonValue } from '@gyre/sdk/wire/ref'
import type { RunRef } from '@gyre/sdk/wire/run'
import type { Context } from '../core/context.ts'

export interface BuiltinStep<Kind extends StepSpec['kind']> {
  readonly spec: Extract<StepSpec, { kind: Kind }>
  readonly inputs: Readonly<Record<string, JsonValue>>
  readonly runId: string
  readonly codeRef: string
}

/** What a step made: its outputs, and what it read or made beyond what its inputs name. */
export interface BuiltinResult {
  readonly outputs: JsonValue
  readonly read?: readonly RunRef[]
  readonly made?: readonly RunRef[]
}

type Prepared<Kind extends StepSpec['kind']> = Pick<BuiltinStep<Kind>, 'spec' | 'inputs'>

/**
 * A step that Gyre brings along. `prepare` names what the step reads besides its inputs; it is part of the
 * cache key. A `server` step runs here; a `runner` step computes in its own process and is judged here.
 */
export type Builtin<Kind extends StepSpec['kind']> = {
  readonly cached: boolean
  prepare(ctx: Context, step: Prepared<Kind>): Promise<JsonValue>
} & (
  | { readonly where: 'server'; run(ctx: Context, step: BuiltinStep<Kind>): Promise<BuiltinResult> }
  | {
      readonly where: 'runner'
      finish(ctx: Context, step: BuiltinStep<Kind>, reported: JsonValue): Promise<BuiltinResult>
    }
)

/** The built-in steps, handed in by the composition root: they live in rooms beside or above this one. */
export interface Builtins {
  readonly 'training-set': Builtin<'training-set'>
  readonly gate: Builtin<'gate'>
  readonly register: Builtin<'register'>
}
