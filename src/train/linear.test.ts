import { expect, test } from 'vitest'
import { trainLinear } from './linear.ts'
import { matrixOf } from './matrix.ts'
import { predict } from './model.ts'

const rows = Array.from({ length: 24 }, (_, row) => row)
const a = Float32Array.from(rows, (i) => (((i * 7) % 24) - 11.5) / 4)
const b = Float32Array.from(rows, (i) => (i === 3 || i === 9 ? NaN : ((i * 5) % 13) * 3))
const c = Float32Array.from(rows, (i) => (i === 20 ? NaN : 100 + ((i * 11) % 17) / 10))
const labels = Uint8Array.from([
  0, 0, 1, 1, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 0, 1, 1, 1, 1, 0, 1, 0, 0, 1,
])
const matrix = matrixOf(['a', 'b', 'c'], [a, b, c])

test.each([
  ['no rows', matrixOf(['a'], [new Float32Array()]), new Uint8Array(), {}, /^rows: expected/],
  [
    'an infinite value',
    matrixOf(['a'], [Float32Array.of(1, Infinity)]),
    Uint8Array.of(0, 1),
    {},
    /^columns\.a: /,
  ],
  ['no penalty', matrix, labels, { l2: 0 }, /^options\.l2: /],
])('%s is refused by name', (_, table, answers, options, message) => {
  const training = { train: { matrix: table, labels: answers }, options }
  expect(() => trainLinear(training)).toThrow(message)
})

// scikit-learn 1.7.2: make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(C=1/l2, tol=1e-12))
test.each([
  [1, [1.6755451031936641, 0.7997078530426892, 0.3062362631140209], 0.20261526536242694],
  [10, [0.537729162154856, 0.27987859015109035, 0.170948546153941], 0.1789710651969905],
])('with a penalty of %d the coefficients are those of scikit-learn', (l2, weights, intercept) => {
  const model = trainLinear({ train: { matrix, labels }, options: { l2 } })
  for (const [k, weight] of weights.entries()) expect(model.weights[k]).toBeCloseTo(weight, 5)
  expect(model.intercept).toBeCloseTo(intercept, 5)
})

test('means, deviations and probabilities are those of scikit-learn, missing values as means', () => {
  const model = trainLinear({ train: { matrix, labels } })
  expect(model.means[1]).toBeCloseTo(18.681818181818183, 10)
  expect(model.means[2]).toBeCloseTo(100.78695645539658, 10)
  expect(model.scales[1]).toBeCloseTo(11.189229805324565, 10)
  const scores = predict(model, matrix)
  const expected = [0.011941186843681277, 0.2786702627880876, 0.8076057356225586]
  for (const [row, score] of expected.entries()) expect(scores[row]).toBeCloseTo(score, 6)
  const missing = Float32Array.of(NaN)
  const [allMissing] = predict(model, matrixOf(['a', 'b', 'c'], [missing, missing, missing]))
  expect(allMissing).toBeCloseTo(0.55048123, 6)
})

test('features that never vary, or have no value at all, get weight 0: the answer is the share of ones', () => {
  const table = matrixOf(
    ['same', 'none'],
    [new Float32Array(4).fill(0.1), new Float32Array(4).fill(NaN)],
  )
  const model = trainLinear({ train: { matrix: table, labels: Uint8Array.of(1, 0, 0, 0) } })
  expect(model.weights).toEqual([0, 0])
  expect(predict(model, table)[0]).toBeCloseTo(0.25, 9)
})

test('classes that a line parts, on values of very different size, still give finite coefficients', () => {
  const tiny = Float32Array.from(rows, (i) => i * 1e-30)
  const huge = Float32Array.from(rows, (i) => i * 1e30)
  const answers = Uint8Array.from(rows, (i) => Number(i > 11))
  const table = matrixOf(['tiny', 'huge'], [tiny, huge])
  const model = trainLinear({ train: { matrix: table, labels: answers }, options: { l2: 1e-6 } })
  expect([...model.weights, model.intercept].every(Number.isFinite)).toBe(true)
  expect(predict(model, table)[23]).toBeGreaterThan(0.999)
})
