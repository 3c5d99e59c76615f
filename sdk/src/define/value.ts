import type { ValueSpec } from '../wire/pipeline.ts'
import type { JsonValue } from '../wire/ref.ts'
import { DefinitionError } from './definition-error.ts'

declare const TYPE: unique symbol

/** Where a value that exists only while a pipeline runs comes from. */
const VALUE = Symbol.for('gyre.value')

interface Origin {
  readonly spec: ValueSpec
  readonly pipeline: string
  /** The step whose item it is, or is a part of. */
  readonly itemOf?: string
}

/** Stands for a `T` that a parameter or a step will give when the pipeline runs. */
interface Value<T> {
  readonly [VALUE]: Origin
  readonly [TYPE]?: T
}

/** A value whose members can be passed on by name: `rows.train`. */
export type Handle<T> = Value<T> &
  (T extends readonly unknown[]
    ? unknown
    : T extends object
      ? { readonly [K in keyof T]: Handle<T[K]> }
      : unknown)

/** What a step may be given: what another step gave, a parameter, or a constant. */
export type Given<T> = Value<T> | T

export function handle<T>(origin: Origin): Handle<T>
export function handle(origin: Origin): object {
  return new Proxy(
    {},
    {
      get: (_target, key) => memberOf(origin, key),
      has: (_target, key) => key === VALUE,
    },
  )
}

function memberOf(origin: Origin, key: string | symbol): unknown {
  if (key === VALUE) return origin
  const name = `pipeline ${origin.pipeline}`
  if (key === Symbol.toPrimitive)
    throw new DefinitionError(
      name,
      'a value of a step is only there when it runs; hand it to a step',
    )
  const { spec } = origin
  // `then` would make an awaited handle look like a promise.
  if (typeof key === 'symbol' || key === 'then' || (spec.kind !== 'step' && spec.kind !== 'item'))
    return undefined
  return handle({ ...origin, spec: { ...spec, path: [...spec.path, key] } })
}

/** What is given to a step, as the manifest says it. `field` is where it is given. */
export function valueSpec(
  field: string,
  pipeline: string,
  given: unknown,
  step?: string,
): ValueSpec {
  const origin = originOf(given)
  if (origin === undefined) return { kind: 'literal', value: checkedJson(field, given) }
  if (origin.pipeline !== pipeline)
    throw new DefinitionError(field, `expected a value of this pipeline, not of ${origin.pipeline}`)
  if (origin.itemOf !== undefined && origin.itemOf !== step)
    throw new DefinitionError(
      field,
      `expected a value that is there once; an item of step ${origin.itemOf} is known to that step alone`,
    )
  return origin.spec
}

function originOf(given: unknown): Origin | undefined {
  return isValue(given) ? given[VALUE] : undefined
}

function isValue(given: unknown): given is Value<unknown> {
  return typeof given === 'object' && given !== null && VALUE in given
}

/** Refuses what JSON cannot say, naming where in `field` it stands. */
export function checkedJson(field: string, given: unknown): JsonValue {
  if (given === null || typeof given === 'string' || typeof given === 'boolean') return given
  if (typeof given === 'number' && Number.isFinite(given)) return given
  if (isValue(given))
    throw new DefinitionError(field, 'expected each value of a step as an input of its own')
  if (Array.isArray(given)) return given.map((item, at) => checkedJson(`${field}[${at}]`, item))
  if (typeof given === 'object' && Object.getPrototypeOf(given) === Object.prototype) {
    const members = Object.entries(given)
    return Object.fromEntries(
      members.map(([key, inner]) => [key, checkedJson(`${field}.${key}`, inner)]),
    )
  }
  throw new DefinitionError(field, `expected JSON or a value of a step, got ${describe(given)}`)
}

function describe(given: unknown): string {
  if (typeof given === 'number') return String(given)
  return given instanceof Date ? 'a Date' : typeof given
}
