import { readFile } from 'node:fs/promises'
import { inspectOnnx } from '../../core/formats/onnx.ts'
import type { Tensor } from '../../core/tensor.ts'
import { keepsAnswers } from '../batch-trial.ts'
import type { AroundNative } from '../native-guard.ts'
import type { Graph, GraphSource, WeightsFile } from '../session.ts'
import { assertRunnable, createSession, fromOrt, toOrt, type Weights } from './ort.ts'

/** A graph in this worker. */
export interface LoadedGraph {
  readonly graph: Graph
  /** Outputs in the graph's order, of inputs in its order. Blocks its thread. */
  run(inputs: readonly Tensor[]): Promise<readonly Tensor[]>
  close(): Promise<void>
}

/** Throws INVALID_INPUT where the file is no ONNX, takes other things than tensors, or onnxruntime refuses it. */
export async function openGraph(
  { onnxPath, beside, maxBatch }: Pick<GraphSource, 'onnxPath' | 'beside' | 'maxBatch'>,
  around: AroundNative,
): Promise<LoadedGraph> {
  // The very bytes that were checked are loaded: by path, onnxruntime would follow external weights.
  const bytes = await readFile(onnxPath)
  const { inputs, outputs, operators, weights } = inspectOnnx(
    bytes,
    beside.map(({ location }) => location),
  )
  for (const type of [...inputs, ...outputs]) assertRunnable(type)
  const read = beside.filter(({ location }) => weights.includes(location))
  const session = await createSession(bytes, around, await Promise.all(read.map(readWeights)))
  const names = outputs.map(({ name }) => name)
  const run = async (tensors: readonly Tensor[]): Promise<readonly Tensor[]> => {
    const feeds = Object.fromEntries(tensors.map((tensor) => [tensor.name, toOrt(tensor)]))
    const given = await around(() => session.run(feeds, names))
    return outputs.map((output) => fromOrt(output, given[output.name]))
  }
  const mayBatch = maxBatch > 0 && [...inputs, ...outputs].every(({ shape }) => shape[0] === -1)
  const batches = mayBatch && (await keepsAnswers(inputs, run))
  const graph = { inputs, outputs, operators, batches, maxBatch }
  return { graph, run, close: () => around(() => session.release()) }
}

async function readWeights({ location, path }: WeightsFile): Promise<Weights> {
  return { path: location, data: await readFile(path) }
}
