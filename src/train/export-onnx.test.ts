import * as fc from 'fast-check'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { inspectOnnx } from '../core/formats/onnx.ts'
import { seededRandom } from '../core/random.ts'
import { exportOnnx } from './export-onnx.ts'
import { LARGEST_FLOAT32 } from './float32.ts'
import { trainGbdt, type GbdtModel } from './gbdt.ts'
import { trainLinear } from './linear.ts'
import { matrixOf, type LabelledRows, type Matrix } from './matrix.ts'
import { predict, type Model } from './model.ts'

/** The probabilities of the exported model by Microsoft's ONNX Runtime. */
async function runOnnx(model: Model, { columns, rows }: Matrix): Promise<Float64Array> {
  const session = await InferenceSession.create(exportOnnx(model), { intraOpNumThreads: 1 })
  const flat = new Float32Array(rows * columns.length)
  for (const [feature, column] of columns.entries())
    for (const [row, value] of column.entries()) flat[row * columns.length + feature] = value
  const { probability } = await session.run({
    features: new Tensor('float32', flat, [rows, columns.length]),
  })
  await session.release()
  expect(probability?.dims).toEqual([rows, 1])
  return Float64Array.from(probability?.data as Float32Array)
}

/** The largest difference between the trainer's probabilities and the served ones. */
async function disagreement(model: Model, matrix: Matrix): Promise<number> {
  const [trainer, served] = [predict(model, matrix), await runOnnx(model, matrix)]
  return trainer.reduce((max, p, row) => Math.max(max, Math.abs(p - (served[row] ?? NaN))), 0)
}

/** `rows` rows of three features with missing and extreme values, whose label depends on two of them. */
function noisyRows(rows: number, seed: number): LabelledRows {
  const random = seededRandom(seed)
  const column = () =>
    Float32Array.from({ length: rows }, () => {
      const kind = random()
      if (kind < 0.1) return NaN
      if (kind < 0.12) return kind < 0.11 ? LARGEST_FLOAT32 : -1e30
      return random() * 10 - 5
    })
  const [a, b, c] = [column(), column(), column()]
  const labels = Uint8Array.from({ length: rows }, (_, row) =>
    Number((a[row] ?? 0) + (Number.isNaN(b[row]) ? 3 : 0) + random() * 4 > 2),
  )
  return { matrix: matrixOf(['a', 'b', 'c'], [a, b, c]), labels }
}

const unheard = matrixOf(
  ['a', 'b', 'c'],
  [
    Float32Array.of(NaN, Infinity, -Infinity, LARGEST_FLOAT32, -LARGEST_FLOAT32, 0, -0, 1e-45),
    Float32Array.of(NaN, NaN, 1, Infinity, -Infinity, 0, 1e-38, NaN),
    Float32Array.of(NaN, 5, -5, Infinity, NaN, 1e20, -1e20, NaN),
  ],
)

/** The rows whose value of `feature` lies on, just below and just above each threshold the model asks for. */
function rowsAtThresholds({ trees }: GbdtModel): Matrix {
  const values = trees.flatMap((tree) =>
    [...tree.thresholds].flatMap((threshold) => {
      const step = Math.max(Math.abs(threshold) * 2 ** -23, 2 ** -149)
      return [threshold, threshold - step, threshold + step]
    }),
  )
  const column = Float32Array.from(values)
  return matrixOf(['a', 'b', 'c'], [column, column, column])
}

test('a graph takes `features` [N, F] and gives `probability` [N, 1], whatever N', () => {
  const { matrix, labels } = noisyRows(300, 2)
  for (const model of [
    trainGbdt({ train: { matrix, labels }, options: { rounds: 3 } }),
    trainLinear({ train: { matrix: finiteRows(300, 2).matrix, labels } }),
  ]) {
    const { inputs, outputs, opsets, producer, metadata } = inspectOnnx(exportOnnx(model))
    expect(inputs).toEqual([{ name: 'features', datatype: 'FP32', shape: [-1, 3] }])
    expect(outputs).toEqual([{ name: 'probability', datatype: 'FP32', shape: [-1, 1] }])
    expect({ opsets, producer }).toEqual({ opsets: { '': 17, 'ai.onnx.ml': 3 }, producer: 'gyre' })
    expect(metadata).toEqual({ 'gyre.kind': model.kind, 'gyre.features': '["a","b","c"]' })
  }
})

describe('the exported model answers as the trainer does, to 1e-6', () => {
  test('boosted trees, on the rows they learned from', async () => {
    const train = noisyRows(3000, 1)
    const model = trainGbdt({ train, options: { rounds: 300 } })
    expect(await disagreement(model, train.matrix)).toBeLessThan(1e-6)
  })

  test('boosted trees, on missing, infinite and huge values', async () => {
    const model = trainGbdt({ train: noisyRows(3000, 1) })
    expect(await disagreement(model, unheard)).toBeLessThan(1e-6)
  })

  test('boosted trees, on values exactly on a threshold and next to it', async () => {
    const model = trainGbdt({ train: noisyRows(3000, 1), options: { rounds: 50 } })
    expect(await disagreement(model, rowsAtThresholds(model))).toBeLessThan(1e-6)
  })

  test('a model without trees', async () => {
    const constant = matrixOf(['a'], [new Float32Array(4).fill(7)])
    const model = trainGbdt({ train: { matrix: constant, labels: Uint8Array.of(0, 0, 0, 1) } })
    expect(model.trees).toEqual([])
    expect(predict(model, constant)[0]).toBeCloseTo(0.25, 12)
    expect(await disagreement(model, constant)).toBeLessThan(1e-6)
  })

  test('logistic regression, on the rows it learned from and on missing and huge values', async () => {
    const train = finiteRows(2000, 3)
    const model = trainLinear({ train })
    expect(await disagreement(model, train.matrix)).toBeLessThan(1e-6)
    expect(await disagreement(model, unheard)).toBeLessThan(1e-6)
  })

  test('boosted trees of random small tables', async () => {
    const value = fc.oneof(fc.float(), fc.constantFrom(NaN, 0, 1, 2, Infinity, -Infinity))
    const row = fc.tuple(value, value, value, fc.constantFrom(0, 1))
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { minLength: 2, maxLength: 60 }),
        fc.nat(),
        async (rows, seed) => {
          const column = (at: 0 | 1 | 2 | 3) => Float32Array.from(rows, (cells) => cells[at])
          const matrix = matrixOf(['a', 'b', 'c'], [column(0), column(1), column(2)])
          const labels = column(3)
          fc.pre(labels.includes(0) && labels.includes(1))
          const options = {
            rounds: 20,
            minRowsPerLeaf: 1,
            minHessianPerLeaf: 0,
            rowShare: 0.8,
            featureShare: 0.7,
            seed,
          }
          const model = trainGbdt({ train: { matrix, labels }, options })
          expect(await disagreement(model, matrix)).toBeLessThan(1e-6)
          expect(await disagreement(model, unheard)).toBeLessThan(1e-6)
        },
      ),
      { numRuns: 60 },
    )
  })
})

/** Such rows without the huge values, which would drown the rest in a mean. */
function finiteRows(rows: number, seed: number): LabelledRows {
  const { matrix, labels } = noisyRows(rows, seed)
  const columns = matrix.columns.map((column) => column.map((v) => (Math.abs(v) > 1e6 ? 0 : v)))
  return { matrix: matrixOf(matrix.names, columns), labels }
}
