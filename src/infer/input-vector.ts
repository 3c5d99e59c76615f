import type { ModelInput } from '@gyre/sdk/wire/feature'
import type { ModelSpec } from '@gyre/sdk/wire/model'
import { GyreError } from '../core/errors.ts'
import type { FieldsRow } from './session.ts'
import { outputOf, type Transform } from './transforms.ts'

type InputOf<Kind extends ModelInput['kind']> = Extract<ModelInput, { kind: Kind }>

/** What each transform gave for one row, in the order of the calls. */
type Given = readonly Readonly<Record<string, unknown>>[]

/** Writes the input vector of `row` at `vector[at…]`, NaN = missing. Throws MODEL_FAILED when user code does. */
export type FillVector = (row: FieldsRow, vector: Float32Array, at: number) => void

/** The request fields of a model, in the order rows carry them. */
export function fieldNamesOf(spec: ModelSpec): readonly string[] {
  return Object.keys(spec.fields)
}

/** `view:feature` for each feature input, in the order rows carry them. */
export function featureNamesOf(spec: ModelSpec): readonly string[] {
  return spec.inputs.flatMap((input) =>
    input.kind === 'feature' ? [`${input.view}:${input.feature}`] : [],
  )
}

/** Prepares `spec` for rows once. Throws INVALID_INPUT where model.json contradicts itself. */
export function compileVector(
  spec: ModelSpec,
  transforms: ReadonlyMap<string, Transform>,
): FillVector {
  const used = spec.inputs.flatMap((i) => (i.kind === 'transform' ? [i.transform] : []))
  const names = [...new Set(used)]
  const calls = names.map((name) => compileCall(spec, name, transforms.get(name)))
  const features = spec.inputs.filter((input) => input.kind === 'feature')
  const readers = spec.inputs.map((input) => {
    if (input.kind === 'feature') return featureReader(features.indexOf(input))
    if (input.kind === 'transform') return outputReader(input, names.indexOf(input.transform))
    return fieldReader(spec, input)
  })
  return (row, vector, at) => {
    const given = calls.map((call) => call(row))
    for (let i = 0; i < readers.length; i++) vector[at + i] = readers[i]?.(row, given) ?? Number.NaN
  }
}

type Reader = (row: FieldsRow, given: Given) => number

function featureReader(index: number): Reader {
  return (row) => row.features[index] ?? Number.NaN
}

function outputReader({ transform, output }: InputOf<'transform'>, call: number): Reader {
  return (_, given) => {
    const value = outputOf(given[call], output)
    if (value !== undefined) return value
    throw new GyreError(
      'MODEL_FAILED',
      `transform ${transform}: ${output}: expected a number or null, got ${typeof given[call]?.[output]}`,
    )
  }
}

function fieldReader(spec: ModelSpec, input: InputOf<'field'> | InputOf<'rate'>): Reader {
  const index = fieldIndex(spec, input.field, `inputs.${input.name}`)
  if (input.kind === 'rate') return rateReader(spec, input.name, index)
  if (spec.fields[input.field] === 'text')
    throw new GyreError(
      'INVALID_INPUT',
      `inputs.${input.name}: expected a number, field ${input.field} is text`,
    )
  return (row) => {
    const value = row.fields[index]
    return typeof value === 'number' ? value : Number.NaN
  }
}

function rateReader(spec: ModelSpec, name: string, index: number): Reader {
  const table = spec.rates[name]
  if (!table) throw new GyreError('INVALID_INPUT', `rates.${name}: expected a rate table`)
  const rates = new Map(Object.entries(table.values))
  return (row) => {
    const category = row.fields[index]
    return (category == null ? undefined : rates.get(String(category))) ?? table.default
  }
}

/** A call of one transform on one row. */
type Call = (row: FieldsRow) => Readonly<Record<string, unknown>>

function compileCall(spec: ModelSpec, name: string, transform: Transform | undefined): Call {
  const place = spec.code?.transforms[name]
  if (!place || !transform)
    throw new GyreError('INVALID_INPUT', `code.transforms.${name}: expected a transform`)
  const reads = place.from.map((field) => ({
    field,
    index: fieldIndex(spec, field, `transform ${name}`),
    isTime: spec.fields[field] === 'timestamp',
  }))
  return (row) => {
    const fields: Record<string, Date | number | string | null> = {}
    for (const { field, index, isTime } of reads) {
      const value = row.fields[index] ?? null
      fields[field] = isTime && typeof value === 'number' ? new Date(value) : value
    }
    return callTransform(name, transform, fields)
  }
}

function callTransform(
  name: string,
  transform: Transform,
  fields: Parameters<Transform>[0],
): Readonly<Record<string, unknown>> {
  try {
    return Object(transform(fields))
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown)
    throw new GyreError('MODEL_FAILED', `transform ${name}: ${message}`, {}, thrown)
  }
}

function fieldIndex(spec: ModelSpec, field: string, reader: string): number {
  const index = fieldNamesOf(spec).indexOf(field)
  if (index >= 0) return index
  throw new GyreError('INVALID_INPUT', `fields.${field}: ${reader} reads it, model.json lacks it`)
}
