import type { PipelineSpec } from '@gyre/sdk/wire/pipeline'
import { Instant } from '@gyre/sdk/wire/ref'
import type { Clock } from '../core/clock.ts'
import { assertNotFuture } from '../core/future.ts'
import type { Params } from './params.ts'

/**
 * Throws INVALID_ARGUMENT for a training set that would count labels up to an instant that has not come: its
 * newest part could hold nothing, and steps after it would fail for that. What is no instant fails in its step.
 */
export function checkUntil(spec: PipelineSpec, params: Params, clock: Clock): void {
  for (const { kind, name, inputs } of spec.steps) {
    const given = inputs['until']
    if (kind !== 'training-set') continue
    if (given?.kind !== 'param' && given?.kind !== 'literal') continue
    const isParam = given.kind === 'param'
    const until = Instant.safeParse(isParam ? params[given.param] : given.value)
    const field = isParam ? `params.${given.param}` : `pipelines.${spec.name}.steps.${name}.until`
    if (until.success) assertNotFuture(new Date(until.data), field, clock)
  }
}
