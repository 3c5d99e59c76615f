import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { isAbsolute, join, resolve } from 'node:path'
import type { DatasetSpec } from '@gyre/sdk/wire/dataset'
import { GyreError } from '../core/errors.ts'

/**
 * Where a dataset's file lies on this machine: `./x`, `../x` and `/x` from the project's folder, anything else
 * in an installed package as Node would find it from there (whatever that package says it exports).
 * Throws NOT_FOUND naming the dataset and every place looked at.
 */
export function locateSource(
  folder: string,
  { name, source: { path } }: Pick<DatasetSpec, 'name' | 'source'>,
): string {
  const looked = placesOf(resolve(folder), path)
  const found = looked.find((place) => existsSync(place))
  if (found !== undefined) return found
  throw new GyreError('NOT_FOUND', `dataset ${name}: no ${path}; looked at ${looked.join(', ')}`, {
    dataset: name,
    looked,
  })
}

function placesOf(folder: string, path: string): readonly string[] {
  if (isAbsolute(path) || /^\.{1,2}\//.test(path)) return [resolve(folder, path)]
  const { resolve: find } = createRequire(join(folder, 'package.json'))
  return (find.paths(path) ?? []).map((modules) => join(modules, path))
}
