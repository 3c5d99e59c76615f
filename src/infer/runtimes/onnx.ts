import { InferenceSession, Tensor } from 'onnxruntime-node'
import { GyreError } from '../../core/errors.ts'

/** A binary classifier: `features` float32 [N, F] in, `probability` float32 [N, 1] out. */
export interface OnnxModel {
  /** P(label = 1) per row; `features` holds `rows` × F numbers, NaN = missing. Blocks its thread. */
  run(features: Float32Array, rows: number): Promise<Float32Array>
  close(): Promise<void>
}

/** One thread and no spinning: workers are the parallelism, and idle ones must cost nothing. */
const OPTIONS: InferenceSession.SessionOptions = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  extra: { session: { intra_op: { allow_spinning: '0' } } },
}

/** Opens the graph and runs it once on zeros. Throws INVALID_INPUT where it is not a model of `width` inputs. */
export async function openOnnx(path: string, width: number): Promise<OnnxModel> {
  const session = await InferenceSession.create(path, OPTIONS).catch((cause: unknown) => {
    throw new GyreError('INVALID_INPUT', `model.onnx cannot be loaded: ${textOf(cause)}`)
  })
  const run = async (features: Float32Array, rows: number): Promise<Float32Array> => {
    const feeds = { features: new Tensor('float32', features, [rows, width]) }
    const { probability } = await session.run(feeds, ['probability'])
    if (probability?.data instanceof Float32Array && probability.data.length === rows)
      return probability.data
    throw new GyreError('MODEL_FAILED', `probability: expected ${rows} float32 numbers`)
  }
  try {
    checkGraph(session, width)
    await run(new Float32Array(width), 1)
  } catch (cause) {
    await session.release()
    throw new GyreError('INVALID_INPUT', `model.onnx: ${textOf(cause)}`)
  }
  return { run, close: () => session.release() }
}

function checkGraph(session: InferenceSession, width: number): void {
  const [input, ...others] = session.inputMetadata
  if (input?.name !== 'features' || others.length > 0)
    throw new Error(`expected the one input features, got ${session.inputNames.join(', ')}`)
  if (!session.outputNames.includes('probability'))
    throw new Error(`expected an output probability, got ${session.outputNames.join(', ')}`)
  if (!input.isTensor || input.type !== 'float32')
    throw new Error('features: expected a float32 tensor')
  const columns = input.shape[1]
  if (input.shape.length !== 2 || (typeof columns === 'number' && columns !== width))
    throw new Error(
      `features: model.json names ${width} inputs, the graph takes [${input.shape.join(', ')}]`,
    )
}

function textOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
