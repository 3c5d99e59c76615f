import { readFile } from 'node:fs/promises'
import { Tensor } from 'onnxruntime-node'
import { GyreError } from '../../core/errors.ts'
import { inspectOnnx, type OnnxSummary } from '../../core/formats/onnx.ts'
import { sigmoid, softmax } from '../../core/logits.ts'
import type { TensorType } from '../../core/tensor.ts'
import type { AroundNative } from '../native-guard.ts'
import { createSession, invalid, textOf } from './ort.ts'

/**
 * A binary classifier: `features` float32 [N, F] in; out either `probability` float32 [N, 1], or `logits` float32
 * of class 1 alone [N, 1] or of both classes [N, 2].
 */
export interface OnnxModel {
  /** P(label = 1) per row; `features` holds `rows` × F numbers, NaN = missing. Blocks its thread. */
  run(features: Float32Array, rows: number): Promise<Float32Array>
  close(): Promise<void>
}

/**
 * Opens the graph and runs it once on zeros; every call of onnxruntime goes through `around`. Throws INVALID_INPUT
 * where it is not a model of `width` inputs.
 */
export async function openOnnx(
  path: string,
  width: number,
  around: AroundNative = (native) => native(),
): Promise<OnnxModel> {
  // The very bytes that were checked are loaded: by path, onnxruntime would follow external weights.
  const bytes = await readFile(path)
  const output = checkGraph(inspectOnnx(bytes), width)
  const session = await createSession(bytes, around)
  const run = async (features: Float32Array, rows: number): Promise<Float32Array> => {
    const feeds = { features: new Tensor('float32', features, [rows, width]) }
    const { [output]: given } = await around(() => session.run(feeds, [output]))
    if (given?.data instanceof Float32Array) return scoresOf(output, given.data, rows)
    throw new GyreError('MODEL_FAILED', `${output}: expected float32 numbers`)
  }
  try {
    await run(new Float32Array(width), 1)
  } catch (cause) {
    await around(() => session.release())
    throw invalid(textOf(cause))
  }
  return { run, close: () => around(() => session.release()) }
}

const OUTPUTS = ['probability', 'logits'] as const

type Output = (typeof OUTPUTS)[number]

/** Checks what goes in and comes out; gives the output that is read. */
function checkGraph({ inputs, outputs }: OnnxSummary, width: number): Output {
  const [input] = inputs
  if (input?.name !== 'features' || input.datatype !== 'FP32' || inputs.length > 1)
    throw invalid(`inputs: expected only features, FP32, got ${listOf(inputs)}`)
  const output = OUTPUTS.find((known) =>
    outputs.some(({ name, datatype }) => name === known && datatype === 'FP32'),
  )
  if (output === undefined)
    throw invalid(`outputs: expected probability or logits, FP32, got ${listOf(outputs)}`)
  const [, columns] = input.shape
  if (input.shape.length !== 2 || (columns !== -1 && columns !== width))
    throw invalid(
      `features: expected shape [-1,${width}] by model.json, got [${input.shape.join()}]`,
    )
  return output
}

/** P(label = 1) of each row. Throws MODEL_FAILED where a row has another number of outputs than is understood. */
function scoresOf(output: Output, given: Float32Array, rows: number): Float32Array {
  const perRow = given.length / rows
  if (output === 'probability' && perRow === 1) return given
  if (output === 'logits' && perRow === 1) return given.map(sigmoid)
  if (output === 'logits' && perRow === 2)
    return Float32Array.from({ length: rows }, (_, row) => {
      const [, score = Number.NaN] = softmax(given.subarray(2 * row, 2 * row + 2))
      return score
    })
  const expected = output === 'logits' ? '1 or 2 numbers' : '1 number'
  throw new GyreError('MODEL_FAILED', `${output}: expected ${expected} a row, got ${perRow}`)
}

function listOf(values: readonly TensorType[]): string {
  return values.map(({ name, datatype }) => `${name} ${datatype}`).join(', ') || 'none'
}
