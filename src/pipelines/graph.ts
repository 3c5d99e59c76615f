import {
  MAX_ITEMS,
  type Each,
  type PipelineSpec,
  type StepSpec,
  type ValueSpec,
} from '@gyre/sdk/wire/pipeline'
import type { JsonValue } from '@gyre/sdk/wire/ref'
import { GyreError } from '../core/errors.ts'
import type { Params } from './params.ts'

/** What a step is done for one by one; undefined for one that is done once. */
export function eachOf(step: StepSpec): Each | undefined {
  return step.kind === 'module' || step.kind === 'python' ? step.each : undefined
}

/** Names of the steps whose outputs this one reads. */
export function upstreamOf(step: StepSpec): readonly string[] {
  const each = eachOf(step)
  const values = [...Object.values(step.inputs), ...(each ? [each.items] : [])]
  const names = values.flatMap((value) => (value.kind === 'step' ? [value.step] : []))
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
    const each = eachOf(step)
    const items = each ? [['items', each.items] as const] : []
    for (const [name, value] of [...Object.entries(step.inputs), ...items]) {
      const place = `input ${name} of step ${step.name}`
      if (value.kind === 'item' && (!each || value === each.items))
        throw wrong(`${place} reads an item, which is not there`)
      if (value.kind === 'step' && !seen.has(value.step))
        throw wrong(`${place} reads from ${value.step}, which does not come before it`)
      if (value.kind === 'param' && !Object.hasOwn(spec.params, value.param))
        throw wrong(`${place} reads parameter ${value.param}, which is not declared`)
    }
    seen.add(step.name)
  }
}

/**
 * A step's input values, once every step it reads from has given its outputs. What is of the item is the list of it
 * for every item. Throws INVALID_ARGUMENT for items that are no list, or too many.
 */
export function resolveInputs(
  step: StepSpec,
  params: Params,
  outputsOf: (step: string) => JsonValue,
): Record<string, JsonValue> {
  const each = eachOf(step)
  const items = each && listOf(step.name, resolve(each.items, params, outputsOf))
  return Object.fromEntries(
    Object.entries(step.inputs).map(([name, value]) => [
      name,
      items && value.kind === 'item'
        ? items.map((item, at) => partOf(item, value.path, `item ${at} of step ${step.name}`))
        : resolve(value, params, outputsOf),
    ]),
  )
}

function listOf(step: string, value: JsonValue): readonly JsonValue[] {
  if (isList(value) && value.length <= MAX_ITEMS) return value
  const got = isList(value) ? `${value.length} items` : JSON.stringify(value).slice(0, SHOWN_CHARS)
  throw new GyreError(
    'INVALID_ARGUMENT',
    `step ${step}.items: expected a list of at most ${MAX_ITEMS}, got ${got}`,
    { field: `step ${step}.items` },
  )
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value)
}

/** Enough of a value to know it again. */
const SHOWN_CHARS = 200

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
      return partOf(outputsOf(value.step), value.path, `step ${value.step}`)
    case 'item':
      throw new GyreError('INTERNAL', 'an item is read where there is none')
  }
}

function partOf(value: JsonValue, path: readonly string[], giver: string): JsonValue {
  return path.reduce((part, key) => member(part, key, path, giver), value)
}

function member(value: JsonValue, key: string, path: readonly string[], giver: string): JsonValue {
  const inner =
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.entries(value).find(([name]) => name === key)?.[1]
      : undefined
  if (inner === undefined)
    throw new GyreError('STEP_FAILED', `${giver} gave no ${path.join('.')}`, { path })
  return inner
}
