import type { RunSettings } from '@gyre/sdk/wire/endpoint'
import { ModelSpec } from '@gyre/sdk/wire/model'
import type { TreeEntry } from '@gyre/sdk/wire/artifact'
import { DigestText } from '@gyre/sdk/wire/ref'
import type { Digest } from '../core/digest.ts'
import { GyreError } from '../core/errors.ts'
import { MAX_ML_MODEL_BYTES, ML_MODEL_FILE, readMlModel } from '../core/formats/mlmodel.ts'
import type { Blobs } from '../store/blobs.ts'
import { graphFiles } from './graph-files.ts'
import type { GraphSource, ModelSource, PythonSource } from './session.ts'

export interface ModelFilesDeps {
  readonly blobs: Blobs
  /** A local folder with a bundle of user code. */
  readonly bundleFolder: (digest: Digest) => Promise<string>
  /** What answers for a model without a graph, by its folder; absent where none of its code may run. */
  readonly python?: (digest: Digest) => Promise<Pick<PythonSource, 'folder' | 'command'>>
}

/** Where the files of a model lie: a tree of `model.onnx` and `model.json`, and its pinned code. */
export interface ModelFiles {
  /** Throws NOT_FOUND, and INVALID_INPUT where the tree is no model. */
  spec(digest: string): Promise<ModelSpec>
  source(key: string, digest: string): Promise<ModelSource>
  /** The same version asked by its tensors: any tree with a `model.onnx`, or an `MLmodel` that names one. */
  graph(key: string, digest: string, runs?: RunSettings): Promise<GraphSource | PythonSource>
}

/** Rows of small models beyond this gain little from company, and the last waits for the first. */
const MAX_BATCH = 32

/** Specs kept in memory; each is some tens of kilobytes. */
const MAX_SPECS = 256
const MAX_SPEC_BYTES = 16 * 1024 * 1024

export function createModelFiles({ blobs, bundleFolder, python }: ModelFilesDeps): ModelFiles {
  const specs = new Map<string, Promise<ModelSpec>>()

  async function entryOf(digest: string, path: string): Promise<TreeEntry['artifact']> {
    const { entries } = await blobs.readTree(DigestText.parse(digest))
    const entry = entries.find((one) => one.path === path)
    if (entry) return entry.artifact
    throw new GyreError('INVALID_INPUT', `${digest} is no model: it has no ${path}`, {
      digest,
      path,
    })
  }

  async function mlModelOf(entries: readonly TreeEntry[]): Promise<string | undefined> {
    const file = entries.find(({ path }) => path === ML_MODEL_FILE)?.artifact
    return file && (await blobs.read(file.digest, MAX_ML_MODEL_BYTES)).toString('utf8')
  }

  async function readSpec(digest: string): Promise<ModelSpec> {
    const { digest: file } = await entryOf(digest, 'model.json')
    const parsed = ModelSpec.safeParse(
      JSON.parse((await blobs.read(file, MAX_SPEC_BYTES)).toString('utf8')),
    )
    if (parsed.success) return parsed.data
    const [issue] = parsed.error.issues
    throw new GyreError('INVALID_INPUT', `model.json ${issue?.path.join('.')}: ${issue?.message}`, {
      digest,
    })
  }

  function spec(digest: string): Promise<ModelSpec> {
    const known = specs.get(digest)
    if (known) return known
    const reading = readSpec(digest)
    const [oldest] = specs.size >= MAX_SPECS ? specs.keys() : []
    if (oldest !== undefined) specs.delete(oldest)
    specs.set(digest, reading)
    reading.catch(() => specs.delete(digest))
    return reading
  }

  return {
    spec,
    async source(key, digest) {
      const parsed = await spec(digest)
      const { digest: onnx } = await entryOf(digest, 'model.onnx')
      const codeFolder = parsed.code ? await bundleFolder(parsed.code.digest) : undefined
      return { kind: 'scored', key, onnxPath: blobs.pathOf(onnx), spec: parsed, codeFolder }
    },

    async graph(key, digest, runs) {
      const { entries } = await blobs.readTree(DigestText.parse(digest))
      const mlModel = await mlModelOf(entries)
      if (python && mlModel !== undefined && !readMlModel(mlModel).flavors['onnx'])
        return { kind: 'python', key, ...(await python(DigestText.parse(digest))) }
      const { onnx, beside } = graphFiles(digest, entries, mlModel)
      return {
        kind: 'graph',
        key,
        onnxPath: blobs.pathOf(onnx.digest),
        beside: beside.map(({ path, artifact }) => ({
          location: path,
          path: blobs.pathOf(artifact.digest),
        })),
        maxBatch: runs?.maxBatch ?? MAX_BATCH,
        ...(runs && { runs }),
      }
    },
  }
}
