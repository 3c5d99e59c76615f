import type { TreeEntry } from '@gyre/sdk/wire/artifact'
import type { MlModel } from '../core/formats/mlmodel.ts'
import { createReadStream } from 'node:fs'
import type { Blobs } from '../store/blobs.ts'
import type { Converted } from './converter.ts'

/** The files that tell of a model beside its own, and stay as they are. */
const KEPT = /^(input_example|serving_input_example)\.json$/

/** Stores the files of a converted model: its graph, and an `MLmodel` that MLflow reads; gives their tree's digest. */
export async function storeConverted(
  blobs: Pick<Blobs, 'put' | 'putTree'>,
  source: { readonly mlModel: MlModel; readonly entries: readonly TreeEntry[] },
  { onnxPath, onnxVersion }: Converted,
): Promise<string> {
  const graph = await blobs.put(createReadStream(onnxPath))
  const text = Buffer.from(mlModelOf(source.mlModel, onnxVersion))
  const described = await blobs.put(text)
  const { digest } = await blobs.putTree([
    { path: 'MLmodel', artifact: described },
    { path: 'model.onnx', artifact: graph },
    ...source.entries.filter(({ path }) => KEPT.test(path)),
  ])
  return digest
}

/** JSON is YAML. Outputs are left out: a graph has others than its model. */
function mlModelOf({ signature, saved_input_example_info }: MlModel, onnxVersion: string): string {
  const inputs = signature?.inputs
  return `${JSON.stringify(
    {
      flavors: {
        onnx: {
          onnx_version: onnxVersion,
          data: 'model.onnx',
          providers: ['CPUExecutionProvider'],
          onnx_session_options: null,
          code: null,
        },
      },
      ...(inputs && {
        signature: { inputs: JSON.stringify(inputs), outputs: null, params: null },
      }),
      ...(saved_input_example_info && { saved_input_example_info }),
    },
    undefined,
    2,
  )}\n`
}
