import type { Tensor, TensorData } from '../../core/tensor.ts'
import { outputOf, plainOutput } from './asked-output.ts'
import type { InferRequest, OutputAsk } from './infer-request.ts'
import { writeBlob } from './tensor-bytes.ts'

/** The two parts of a reply: JSON, and behind it the bytes of binary outputs, in their order. */
export interface InferReply {
  readonly json: string
  readonly blobs: readonly Buffer[]
}

export interface Answering {
  readonly model: string
  readonly version: string
  readonly request: InferRequest
  /** In the order of the graph. */
  readonly outputs: readonly Tensor[]
}

/** Throws INVALID_INPUT naming an output that the model does not have. */
export function writeInferReply({ model, version, request, outputs }: Answering): InferReply {
  const blobs: Buffer[] = []
  const asked = request.outputs ?? outputs.map(({ name }) => plainOutput(name, request.binary))
  const texts = asked.map((ask) => outputText(ask, outputOf(ask, outputs), blobs))
  const id = request.id === undefined ? '' : `"id":${JSON.stringify(request.id)},`
  const head = `"model_name":${JSON.stringify(model)},"model_version":${JSON.stringify(version)}`
  return { json: `{${id}${head},"outputs":[${texts.join(',')}]}`, blobs }
}

function outputText({ binary }: OutputAsk, output: Tensor, blobs: Buffer[]): string {
  const { name, datatype, shape, data } = output
  const head = `{"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[${shape.join()}]`
  // FP16 and BF16 have no JSON form.
  if (binary || datatype === 'FP16' || datatype === 'BF16') {
    const blob = writeBlob(data)
    blobs.push(blob)
    return `${head},"parameters":{"binary_data_size":${blob.length}}}`
  }
  const elements = elementsText(output)
  const nonfinite = elements.hasNonfinite ? ',"parameters":{"nonfinite":true}' : ''
  return `${head}${nonfinite},"data":[${elements.text}]}`
}

/** JSON has no NaN and no infinities: they are null. */
function elementsText({ datatype, data }: Tensor): {
  readonly text: string
  readonly hasNonfinite: boolean
} {
  if (datatype === 'BYTES') return { text: textsOf(data, JSON.stringify), hasNonfinite: false }
  if (datatype === 'BOOL')
    return { text: textsOf(data, (value) => String(value === 1)), hasNonfinite: false }
  const text = data.join()
  // Of what a join of numbers holds, only these have an N or an I.
  if (!/[NI]/.test(text)) return { text, hasNonfinite: false }
  return { text: textsOf(data, finiteText), hasNonfinite: true }
}

function finiteText(value: unknown): string {
  return Number.isFinite(value) ? String(value) : 'null'
}

function textsOf(data: TensorData, write: (value: unknown) => string): string {
  return Array.from<unknown, string>(data, write).join()
}
