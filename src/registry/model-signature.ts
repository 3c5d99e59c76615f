import { Json } from '@gyre/sdk/wire/ref'
import { ModelSpec, type ModelSignature, type ModelVersion } from '@gyre/sdk/wire/model'
import { parse } from 'yaml'
import { z } from 'zod'
import { ArtifactDigest } from '@gyre/sdk/wire/artifact'
import type { Blobs } from '../store/blobs.ts'

/** MLflow's description of a model is some kilobytes, Gyre's own some tens. */
const MAX_FILE_BYTES = 16 * 1024 * 1024

/** Each part is JSON in a text. */
const Part = z
  .string()
  .transform((text): unknown => JSON.parse(text))
  .pipe(Json)
  .nullish()
  .transform((part) => part ?? null)

const MlModel = z.object({
  signature: z.object({ inputs: Part, outputs: Part, params: Part }),
})

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
    if (!file || file.bytes > MAX_FILE_BYTES) return undefined
    return (await blobs.read(file.digest)).toString('utf8')
  }
  return ofMlModel(await textOf('MLmodel')) ?? ofSpec(await textOf('model.json'))
}

function ofMlModel(text: string | undefined): ModelSignature | null {
  if (text === undefined) return null
  return understood(() => MlModel.parse(parse(text, { maxAliasCount: 0 })).signature)
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

function understood(read: () => ModelSignature): ModelSignature | null {
  try {
    return read()
  } catch {
    return null
  }
}
