import { posix } from 'node:path'
import type { TreeEntry } from '@gyre/sdk/wire/artifact'
import { ML_MODEL_FILE, readMlModel } from '../core/formats/mlmodel.ts'
import { GyreError } from '../core/errors.ts'

/** The graph of a model's files, and what lies beside it. */
export interface GraphFiles {
  readonly onnx: TreeEntry['artifact']
  /** Every other file of its folder or below, by its path from there: a graph may keep its weights in some. */
  readonly beside: readonly TreeEntry[]
}

/** What a model that Gyre exports, or that came as a file, is called. */
const PLAIN = 'model.onnx'

/**
 * The graph of a model: the one that the `onnx` flavor of its `MLmodel` names, else `model.onnx`. Throws
 * INVALID_INPUT naming what is missing.
 */
export function graphFiles(
  digest: string,
  entries: readonly TreeEntry[],
  mlModel: string | undefined,
): GraphFiles {
  const path = mlModel === undefined ? PLAIN : pathInMlModel(mlModel)
  const onnx = entries.find((entry) => entry.path === path)?.artifact
  if (onnx) return { onnx, beside: besides(entries, path) }
  const why =
    mlModel === undefined
      ? `it has no ${path} and no ${ML_MODEL_FILE}`
      : `its ${ML_MODEL_FILE} names ${path}, which is not among its files`
  throw new GyreError('INVALID_INPUT', `${digest} is no model: ${why}`, { digest, path })
}

function pathInMlModel(text: string): string {
  const { flavors } = readMlModel(text)
  const data = flavors['onnx']?.['data']
  if (typeof data === 'string') return posix.normalize(data)
  const known = Object.keys(flavors).join(', ') || 'none'
  throw new GyreError('INVALID_INPUT', `${ML_MODEL_FILE}: expected the flavor onnx, got ${known}`, {
    field: 'flavors',
  })
}

function besides(entries: readonly TreeEntry[], path: string): readonly TreeEntry[] {
  const folder = posix.dirname(path)
  const prefix = folder === '.' ? '' : `${folder}/`
  return entries
    .filter((entry) => entry.path !== path && entry.path.startsWith(prefix))
    .map((entry) => ({ ...entry, path: entry.path.slice(prefix.length) }))
}
