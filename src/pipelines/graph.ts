import type { PipelineSpec, StepSpec, ValueSpec } from '@gyre/sdk/wire/pipeline'
import type { JsonValue } from '@gyre/sdk/wire/ref'
import { GyreError } from '../core/errors.ts'
import type { Params } from './params.ts'

/** Names of the steps whose outputs this one reads. */
export function upstreamOf(step: StepSpec): readonly string[] {
  const names = Object.values(step.inputs).flatMap((value) =>
    value.kind === 'step' ? [value.step] : [],
  )
  return [...new Set(names)]
}

/**
 * Throws INVALID_ARGUMENT unless names are unique, each step reads only from steps before it, and every
 * parameter that is read is declared.
 */
export function checkGraph(spec: PipelineSpec): void {
  const seen = new Set<string>()
  for (const step of spec.steps) {
    const wrong = (reason: string) =>
      new GyreError('INVALID_ARGUMENT', `pipeline ${spec.name}: ${reason}`, { step: step.name })
    if (seen.has(step.name)) throw wrong(`two steps are named ${step.name}`)
    for (const [name, value] of Object.entries(step.inputs)) {
      const place = `input ${name} of step ${step.name}`
      if (value.kind === 'step' && !seen.has(value.step))
        throw wrong(`${place} reads from ${value.step}, which does not come before it`)
      if (value.kind === 'param' && !Object.hasOwn(spec.params, value.param))
        throw wrong(`${place} reads parameter ${value.param}, which is not declared`)
    }
    seen.add(step.name)
  }
}

/** A step's input values, once every step it reads from has given its outputs. */
export function resolveInputs(
  step: StepSpec,
  params: Params,
  outputsOf: (step: string) => JsonValue,
): Record<string, JsonValue> {
  return Object.fromEntries(
    Object.entries(step.inputs).map(([name, value]) => [name, resolve(value, params, outputsOf)]),
  )
}

function resolve(
  value: ValueSpec,
  params: Params,
  outputsOf: (step: string) => JsonValue,
): JsonValue {
  switch (value.kind) {
    case 'literal':
      return value.value
    case 'param':
      return params[value.param] ?? null
    case 'step':
      return value.path.reduce<JsonValue>(
        (part, key) => member(part, key, value),
        outputsOf(value.step),
      )
  }
}

function member(
  value: JsonValue,
  key: string,
  { step, path }: { step: string; path: readonly string[] },
): JsonValue {
  const inner =
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.entries(value).find(([name]) => name === key)?.[1]
      : undefined
  if (inner === undefined)
    throw new GyreError('STEP_FAILED', `step ${step} gave no ${path.join('.')}`, { step, path })
  return inner
}
