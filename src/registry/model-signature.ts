import { ArtifactDigest } from '@gyre/sdk/wire/artifact'
import { ModelSpec, type ModelSignature, type ModelVersion } from '@gyre/sdk/wire/model'
import { MAX_ML_MODEL_BYTES, ML_MODEL_FILE, readMlModel } from '../core/formats/mlmodel.ts'
import type { Blobs } from '../store/blobs.ts'

/**
 * What a version takes and gives, as its files tell: MLflow's `MLmodel`, or the `model.json` of a model that Gyre
 * trained. Null where they tell nothing, or nothing that can be understood: the files are a client's.
 */
export async function readSignature(
  blobs: Pick<Blobs, 'readTree' | 'read'>,
  { digest }: ModelVersion,
): Promise<ModelSignature | null> {
  if (digest === '') return null
  const { entries } = await blobs.readTree(ArtifactDigest.parse(digest))
  const textOf = async (path: string): Promise<string | undefined> => {
    const file = entries.find((entry) => entry.path === path)?.artifact
    if (!file || file.bytes > MAX_ML_MODEL_BYTES) return undefined
    return (await blobs.read(file.digest)).toString('utf8')
  }
  return ofMlModel(await textOf(ML_MODEL_FILE)) ?? ofSpec(await textOf('model.json'))
}

function ofMlModel(text: string | undefined): ModelSignature | null {
  if (text === undefined) return null
  return understood(() => readMlModel(text).signature ?? null)
}

/** The inputs are numbers in the order of the model's vector; the answer is a probability. */
function ofSpec(text: string | undefined): ModelSignature | null {
  if (text === undefined) return null
  return understood(() => ({
    inputs: ModelSpec.parse(JSON.parse(text)).inputs.map(({ name }) => column(name)),
    outputs: [column('score')],
    params: null,
  }))
}

function column(name: string) {
  return { type: 'double', name, required: true }
}

function understood(read: () => ModelSignature | null): ModelSignature | null {
  try {
    return read()
  } catch {
    return null
  }
}
