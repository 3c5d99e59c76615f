import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ModelSpec } from '@gyre/sdk/wire/model'
import { encodeOnnx, type OnnxNode, type OnnxTensor } from '../../src/core/formats/onnx-writer.ts'
import { seededRandom } from '../../src/core/random.ts'
import type { ModelSource } from '../../src/infer/session.ts'
import { exportOnnx } from '../../src/train/export-onnx.ts'
import { trainGbdt } from '../../src/train/gbdt.ts'
import { syntheticRows } from './gbdt-rows.ts'

/** Inputs of the boosted model: an hour, a rate, and eight online features. */
export const TREES_WIDTH = 10

/** Inputs of the dense models, sent as one vector. */
export const DENSE_WIDTH = 128

/** View and features that the boosted model looks up. */
export const VIEW = 'landings_at_origin'
export const FEATURES = Array.from({ length: TREES_WIDTH - 2 }, (_, i) => `late${i}`)

/** Categories of the request field `origin`: A0 … A299. */
export const ORIGINS = 300

export const CALENDAR_FILE = 'calendar.mjs'
export const CALENDAR = 'export const calendar = ({ date }) => ({ hour: date.getUTCHours() })'

const [TRAIN_ROWS, ROUNDS] = [20_000, 100]

/** 100 trees of 31 leaves. */
export function treesOnnx(): Uint8Array {
  const train = syntheticRows(TRAIN_ROWS, 1)
  return exportOnnx(trainGbdt({ train, options: { rounds: ROUNDS } }))
}

/** An hour by user code of the bundle `code`, a rate by category, and eight online features. */
export function treesSpec(code: string): ModelSpec {
  const rates = Object.fromEntries(
    Array.from({ length: ORIGINS }, (_, i) => [`A${i}`, i / ORIGINS]),
  )
  const calendar = { chunk: CALENDAR_FILE, export: 'calendar', from: ['date'], gives: ['hour'] }
  return specOf({
    inputs: [
      { kind: 'transform', name: 'hour', transform: 'calendar', output: 'hour' },
      { kind: 'rate', name: 'origin_rate', field: 'origin', prior: 1 },
      ...FEATURES.map((name) => ({ kind: 'feature', name, view: VIEW, feature: name })),
    ],
    fields: { date: 'timestamp', origin: 'text' },
    rates: { origin_rate: { default: 0.2, values: rates } },
    code: { digest: code, transforms: { calendar } },
  })
}

/** The boosted model unpacked in `folder`, as the pool of inference workers takes it. */
export async function treesIn(folder: string): Promise<ModelSource> {
  const onnxPath = join(folder, 'model.onnx')
  await writeFile(onnxPath, treesOnnx())
  await writeFile(join(folder, CALENDAR_FILE), CALENDAR)
  return {
    kind: 'scored',
    key: 'model:bench@1',
    onnxPath,
    spec: treesSpec(NO_DIGEST),
    codeFolder: folder,
  }
}

/** A perceptron of two hidden layers of 256: 128-256-256-1. */
export function perceptronOnnx(): Uint8Array {
  const layer = dense()
  const nodes = [
    ...layer.relu('features', 'first', DENSE_WIDTH, 256),
    ...layer.relu('first', 'second', 256, 256),
    ...layer.probability('second', 256),
  ]
  return onnxOf(nodes, layer.constants)
}

/** 128 tokens through 38 layers of 256 × 256: 320 million multiplications that a batch does not make cheaper. */
export function heavyOnnx(layers = 38): Uint8Array {
  const layer = dense()
  const nodes: OnnxNode[] = [
    { operator: 'Unsqueeze', inputs: ['features'], outputs: ['column'], ...axes(2) },
    ...layer.relu('column', 'hidden0', 1, 256),
  ]
  for (let i = 0; i < layers; i++)
    nodes.push(...layer.relu(`hidden${i}`, `hidden${i + 1}`, 256, 256))
  nodes.push(
    { operator: 'ReduceMean', inputs: [`hidden${layers}`], outputs: ['mean'], ...axes(1, 0) },
    ...layer.probability('mean', 256),
  )
  return onnxOf(nodes, layer.constants)
}

/** 128 numbers, each a field of the request; a client may send the vector instead. */
export function denseSpec(): ModelSpec {
  const names = Array.from({ length: DENSE_WIDTH }, (_, i) => `x${i}`)
  return specOf({
    inputs: names.map((name) => ({ kind: 'field', name, field: name })),
    fields: Object.fromEntries(names.map((name) => [name, 'number'])),
    rates: {},
    code: null,
  })
}

const NO_DIGEST = `sha256:${'0'.repeat(64)}`

function specOf(own: object): ModelSpec {
  return ModelSpec.parse({
    format: 'gyre-model/1',
    task: 'binary',
    reference: { rows: 0, inputs: {}, score: { bins: null, counts: [], missing: 0 } },
    training: {
      rowsDigest: NO_DIGEST,
      rows: TRAIN_ROWS,
      from: null,
      until: null,
      algorithm: 'none',
      options: {},
      importance: {},
    },
    ...own,
  })
}

/** Makes layers of random weights, kept so small that nothing overflows however deep the model is. */
function dense() {
  const random = seededRandom(1)
  const constants: OnnxTensor[] = []
  function product(from: string, to: string, width: number, height: number): OnnxNode {
    const name = `${to}_weights`
    const spread = 2 / Math.sqrt(width)
    const data = Float32Array.from({ length: width * height }, () => (random() - 0.5) * spread)
    constants.push({ name, shape: [width, height], data })
    return { operator: 'MatMul', inputs: [from, name], outputs: [to] }
  }
  return {
    constants,
    relu: (from: string, to: string, width: number, height: number): OnnxNode[] => [
      product(from, `${to}_raw`, width, height),
      { operator: 'Relu', inputs: [`${to}_raw`], outputs: [to] },
    ],
    probability: (from: string, width: number): OnnxNode[] => [
      product(from, 'score', width, 1),
      { operator: 'Sigmoid', inputs: ['score'], outputs: ['probability'] },
    ],
  }
}

function axes(axis: number, keep?: number): Pick<OnnxNode, 'attributes'> & object {
  return {
    attributes: {
      axes: { type: 'ints', value: [axis] },
      ...(keep === undefined ? {} : { keepdims: { type: 'int', value: keep } }),
    },
  }
}

function onnxOf(nodes: readonly OnnxNode[], constants: readonly OnnxTensor[]): Uint8Array {
  return encodeOnnx({
    name: 'dense',
    inputs: [{ name: 'features', shape: ['rows', DENSE_WIDTH] }],
    outputs: [{ name: 'probability', shape: ['rows', 1] }],
    nodes,
    constants,
    opsets: { '': 11 },
    metadata: {},
  })
}
