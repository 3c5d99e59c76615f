import type { StepSpec } from '@gyre/sdk/wire/pipeline'
import type { JsonValue } from '@gyre/sdk/wire/ref'
import { digestOfJson } from '../core/digest.ts'
import { cacheKey, cacheParts, type CacheParts } from './cache-key.ts'
import type { Params } from './params.ts'
import { seedOf } from './step-seed.ts'

/** The inputs of a step that is mapped, resolved: what is of the item holds one value for every item. */
export type MappedInputs = Readonly<Record<string, JsonValue>>

/** The inputs of a mapped step, item by item. */
export interface ItemInputs {
  readonly count: number
  /** What is the same for all of them. */
  readonly shared: Params
  /** What is of the item alone. */
  readonly own: (item: number) => Params
}

export function itemInputs(spec: StepSpec, inputs: MappedInputs): ItemInputs {
  const isOfItem = (name: string): boolean => spec.inputs[name]?.kind === 'item'
  const columns = Object.entries(inputs).flatMap(([name, value]) =>
    isOfItem(name) && isList(value) ? [[name, value] as const] : [],
  )
  return {
    count: columns[0]?.[1].length ?? 0,
    shared: Object.fromEntries(Object.entries(inputs).filter(([name]) => !isOfItem(name))),
    own: (item) =>
      Object.fromEntries(columns.map(([name, values]) => [name, values[item] ?? null])),
  }
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value)
}

/**
 * The item's own input `seed`, else the first 32 bits of the SHA-256 of the step's seed and what is of the item:
 * another order of the items, or more of them, leaves each its seed. Throws INVALID_ARGUMENT.
 */
export function itemSeed(stepSeed: number, own: Params): number {
  if (Object.hasOwn(own, 'seed')) return seedOf(own, {})
  const hex = digestOfJson([stepSeed, own]).slice('sha256:'.length)
  return Number.parseInt(hex.slice(0, 8), 16)
}

/** What decides whether an item's earlier outputs may be used again: the same as for a step that is done once. */
export function itemParts(
  spec: StepSpec,
  { shared, own }: ItemInputs,
  stepSeed: number,
  extra: JsonValue,
): (item: number) => CacheParts {
  const once = doneOnce(spec)
  const { inputs: sharedDigests, ...rest } = cacheParts(once, shared, stepSeed, extra)
  return (item) => {
    const values = own(item)
    const digests = Object.entries(values).map(([name, value]) => [name, digestOfJson(value)])
    return {
      ...rest,
      inputs: { ...sharedDigests, ...Object.fromEntries(digests) },
      seed: itemSeed(stepSeed, values),
    }
  }
}

export function itemKey(parts: CacheParts): string {
  return cacheKey(parts)
}

/** The step as it is for one item. */
function doneOnce(spec: StepSpec): StepSpec {
  if (spec.kind !== 'module' && spec.kind !== 'python') return spec
  const { each: _each, ...once } = spec
  return once
}
