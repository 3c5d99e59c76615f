import { expect, test } from 'vitest'
import { gainImportance } from './importance.ts'
import { trainGbdt } from './gbdt.ts'
import { trainLinear } from './linear.ts'
import { matrixOf } from './matrix.ts'
import { parseModel, serialiseModel } from './model-json.ts'

const rows = Array.from({ length: 100 }, (_, row) => row)
const matrix = matrixOf(
  ['told', 'noise'],
  [
    Float32Array.from(rows, (i) => (i % 7 === 0 ? NaN : i / 3)),
    Float32Array.from(rows, (i) => (i * 37) % 11),
  ],
)
const train = { matrix, labels: Uint8Array.from(rows, (i) => Number(i > 40 || i % 7 === 0)) }
const trees = trainGbdt({ train, options: { rounds: 5 } })

test.each<[string, (model: Json) => unknown, RegExp]>([
  ['not JSON', () => undefined, /^model: expected JSON/],
  ['another kind', (model) => ({ ...model, kind: 'forest' }), /^model\.kind: /],
  ['another format', (model) => ({ ...model, format: 2 }), /^model\.format: /],
  ['an unknown feature', (model) => withTree(model, { features: [2, -1, -1] }), /^model\.trees: /],
  [
    'a child of its own',
    (model) => withTree(model, { lefts: [0, 0, 0] }),
    /^model\.trees\.0: .*behind/,
  ],
  [
    'a child too far',
    (model) => withTree(model, { lefts: [3, 0, 0] }),
    /^model\.trees\.0: .*behind/,
  ],
  [
    'a column too short',
    (model) => withTree(model, { values: [0, 1] }),
    /^model\.trees\.0: .*equal/,
  ],
])('a model of %s is refused', (_, change, message) => {
  const text = JSON.stringify(change(STUMP)) ?? '{'
  expect(() => parseModel(text)).toThrow(message)
  expect(() => parseModel(text)).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }))
})

test('a model reads back as it was', () => {
  for (const model of [trees, trainLinear({ train })])
    expect(parseModel(serialiseModel(model))).toEqual(model)
})

test('a split off from the missing values, which has no bound, reads back too', () => {
  const present = matrixOf(['a'], [Float32Array.from(rows, (i) => (i % 2 === 0 ? NaN : 1))])
  const labels = Uint8Array.from(rows, (i) => i % 2)
  const model = trainGbdt({ train: { matrix: present, labels }, options: { rounds: 1 } })
  expect(model.trees[0]?.thresholds[0]).toBe(Infinity)
  expect(parseModel(serialiseModel(model))).toEqual(model)
})

test('importance names the feature that decides first, and the shares add up to one', () => {
  const [first, second] = gainImportance(trees)
  expect(first?.name).toBe('told')
  expect((first?.share ?? 0) + (second?.share ?? 0)).toBeCloseTo(1, 12)
  expect(gainImportance({ ...trees, trees: [] }).map(({ share }) => share)).toEqual([0, 0])
})

type Json = Readonly<Record<string, unknown>>

const STUMP_TREE = {
  features: [0, -1, -1],
  thresholds: [1.5, 0, 0],
  missingLeft: [1, 0, 0],
  lefts: [1, 0, 0],
  rights: [2, 0, 0],
  values: [0, -0.5, 0.5],
  gains: [3, 0, 0],
}
const STUMP: Json = { format: 1, kind: 'gbdt', names: ['a', 'b'], prior: 0, trees: [STUMP_TREE] }

function withTree(model: Json, change: Json): Json {
  return { ...model, trees: [{ ...STUMP_TREE, ...change }] }
}
