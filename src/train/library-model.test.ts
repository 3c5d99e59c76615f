import { InferenceSession, Tensor } from 'onnxruntime-node'
import { expect, test } from 'vitest'
import { exportOnnx } from './export-onnx.ts'
import { gainImportance } from './importance.ts'
import { libraryModel } from './library-model.ts'
import { assertParity, largestDifference } from './library-trainer.ts'

const ROWS = Float32Array.from(
  [
    [0.5, 0.25],
    [-1, 2],
    [Number.NaN, -0.5],
    [0.1, Number.NaN],
    [3e38, -3e38],
    [Number.NaN, Number.NaN],
  ].flat(),
)

const PARTED = {
  features: [0, 0, -1, -1, -1],
  lefts: [1, 2, 0, 0, 0],
  rights: [4, 3, 0, 0, 0],
}

/** Of 60 rows, by the script of each library with the packages of its lock; `expected` is what the library predicts. */
const LEARNED = {
  'LightGBM 4.7.0': {
    model: {
      kind: 'gbdt',
      prior: 0,
      trees: [
        {
          ...PARTED,
          thresholds: [0.2450000047683716, -0.06999999843537806, 0, 0, 0],
          missingLeft: [0, 1, 0, 0, 0],
          values: [0, 0, -0.26023975197110033, -0.07821933447248734, 0.12418736978597027],
          gains: [38.99380111694336, 6.240699768066406, 0, 0, 0],
        },
        {
          ...PARTED,
          thresholds: [0.2450000047683716, -0.06999999843537806, 0, 0, 0],
          missingLeft: [0, 1, 0, 0, 0],
          values: [0, 0, -0.1770866666496932, -0.010379736228951646, 0.1722596711063057],
          gains: [31.79759979248047, 5.207300186157227, 0, 0, 0],
        },
      ],
    },
    expected: [
      0.5735737375561156, 0.3923782142412724, 0.5735737375561156, 0.47786471022179683,
      0.5735737375561156, 0.5735737375561156,
    ],
  },
  'HistGradientBoostingClassifier 1.9.1': {
    model: {
      kind: 'gbdt',
      prior: -0.06669137449867221,
      trees: [
        {
          ...PARTED,
          thresholds: [0.3400000035762787, -0.054999999701976776, 0, 0, 0],
          missingLeft: [0, 0, 0, 0, 0],
          values: [0, 0, -0.19354837747242826, -0.011527959973815302, 0.20689654102452026],
          gains: [42.75861724520137, 6.320153197013256, 0, 0, 0],
        },
        {
          ...PARTED,
          thresholds: [0.3400000035762787, -0.054999999701976776, 0, 0, 0],
          missingLeft: [0, 0, 0, 0, 0],
          values: [0, 0, -0.1770866666496932, -0.010379736228951643, 0.18691799167129677],
          gains: [34.88726670046486, 5.27430159681152, 0, 0, 0],
        },
      ],
    },
    expected: [
      0.5810592327182964, 0.3923782142412724, 0.5810592327182964, 0.47786471022179683,
      0.5810592327182964, 0.5810592327182964,
    ],
  },
  'LogisticRegression 1.9.1': {
    model: {
      kind: 'linear',
      means: [-0.06568627654775686, -0.24283333038911223],
      scales: [0.8052768829446526, 0.875204914167257],
      weights: [2.4159565122182713, 0.6176875114935272],
      intercept: -0.006945850510731712,
    },
    expected: [
      0.8847320154882123, 0.22668526089388194, 0.4530277597070864, 0.620139148395462, 1,
      0.4982635443535635,
    ],
  },
}

test.each(Object.entries(LEARNED))(
  'the file of what %s learned answers as it does, with missing and extreme values too',
  async (_library, { model, expected }) => {
    const file = exportOnnx(libraryModel(['a', 'b'], model))
    const session = await InferenceSession.create(file, { intraOpNumThreads: 1 })
    const { probability } = await session.run({
      features: new Tensor('float32', ROWS, [expected.length, 2]),
    })
    await session.release()
    const served = Float64Array.from(probability?.data as Float32Array)
    expect(largestDifference(expected, served)).toBeLessThanOrEqual(1e-6)
  },
)

test('a threshold that lies between two float32 values stays where it is', async () => {
  // 0.1 as float32 is 0.100000001490116…; the nearest float32 of the threshold is that value itself.
  const tree = {
    features: [0, -1, -1],
    thresholds: [0.100000001, 0, 0],
    missingLeft: [0, 0, 0],
    lefts: [1, 0, 0],
    rights: [2, 0, 0],
    values: [0, -2, 2],
    gains: [1, 0, 0],
  }
  const model = libraryModel(['a'], { kind: 'gbdt', prior: 0, trees: [tree] })
  const session = await InferenceSession.create(exportOnnx(model))
  const { probability } = await session.run({
    features: new Tensor('float32', Float32Array.of(0.1), [1, 1]),
  })
  await session.release()
  // 1 / (1 + e^-2)
  expect(Number(probability?.data[0])).toBeCloseTo(0.8807970779778823, 6)
})

test('an infinite threshold parts present values from missing ones', () => {
  const tree = {
    features: [0, -1, -1],
    thresholds: [null, 0, 0],
    missingLeft: [0, 0, 0],
    lefts: [1, 0, 0],
    rights: [2, 0, 0],
    values: [0, -2, 2],
    gains: [3, 0, 0],
  }
  const model = libraryModel(['a', 'b'], { kind: 'gbdt', prior: 0, trees: [tree] })
  if (model.kind !== 'gbdt') throw new Error('expected trees')
  expect(model.trees[0]?.thresholds[0]).toBe(Infinity)
  expect(gainImportance(model)).toEqual([
    { name: 'a', share: 1 },
    { name: 'b', share: 0 },
  ])
})

test('a saved model that answers otherwise than its library is refused', () => {
  expect(() => assertParity(largestDifference([0.5, 0.25], [0.5, 0.2500009]))).not.toThrow()
  const refused = expect.objectContaining({
    code: 'STEP_FAILED',
    details: expect.objectContaining({ field: 'onnx_parity' }),
  })
  for (const served of [[0.5, 0.2500011], [0.5, Number.NaN], [Number.NaN, 0.25], [0.5]])
    expect(() => assertParity(largestDifference([0.5, 0.25], served))).toThrow(refused)
})
