import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { ModelSpec } from '@gyre/sdk/wire/model'
import { GyreError } from '../core/errors.ts'

/** User code: request fields in (a timestamp as a `Date`), numbers by name out. */
export type Transform = (
  fields: Readonly<Record<string, Date | number | string | null>>,
) => Readonly<Record<string, unknown>>

/** What a transform gave, as the model sees it: null is missing, NaN. Undefined where it is no number. */
export function outputOf(
  given: Readonly<Record<string, unknown>> | undefined,
  output: string,
): number | undefined {
  const value = given?.[output]
  if (value === null) return Number.NaN
  return typeof value === 'number' ? value : undefined
}

/** Imports the transforms of a model from its unpacked bundle. Throws INVALID_INPUT naming the transform. */
export async function importTransforms(
  spec: Pick<ModelSpec, 'code'>,
  codeFolder: string | undefined,
): Promise<ReadonlyMap<string, Transform>> {
  const transforms = new Map<string, Transform>()
  for (const [name, place] of Object.entries(spec.code?.transforms ?? {})) {
    if (codeFolder === undefined)
      throw new GyreError('INVALID_INPUT', `transform ${name}: the model's code is not unpacked`)
    transforms.set(name, await importTransform(name, place, codeFolder))
  }
  return transforms
}

async function importTransform(
  name: string,
  place: { readonly chunk: string; readonly export: string },
  codeFolder: string,
): Promise<Transform> {
  const file = join(codeFolder, place.chunk)
  if (relative(codeFolder, file).startsWith('..'))
    throw new GyreError(
      'INVALID_INPUT',
      `transform ${name}: ${place.chunk} lies outside its bundle`,
    )
  const module: unknown = await import(pathToFileURL(file).href).catch((cause: unknown) => {
    throw new GyreError('INVALID_INPUT', `transform ${name}: ${place.chunk}: ${String(cause)}`)
  })
  const found = new Map(Object.entries(Object(module))).get(place.export)
  if (isTransform(found)) return found
  throw new GyreError(
    'INVALID_INPUT',
    `transform ${name}: ${place.chunk} exports no function ${place.export}`,
  )
}

function isTransform(value: unknown): value is Transform {
  return typeof value === 'function'
}
