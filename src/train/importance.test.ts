import { expect, test } from 'vitest'
import { trainGbdt } from './gbdt.ts'
import { gainImportance } from './importance.ts'
import { matrixOf } from './matrix.ts'

const rows = Array.from({ length: 100 }, (_, row) => row)
const matrix = matrixOf(
  ['told', 'noise'],
  [
    Float32Array.from(rows, (i) => (i % 7 === 0 ? NaN : i / 3)),
    Float32Array.from(rows, (i) => (i * 37) % 11),
  ],
)
const labels = Uint8Array.from(rows, (i) => Number(i > 40 || i % 7 === 0))
const trees = trainGbdt({ train: { matrix, labels }, options: { rounds: 5 } })

test('a model without trees finds nothing important', () => {
  expect(gainImportance({ ...trees, trees: [] }).map(({ share }) => share)).toEqual([0, 0])
})

test('the feature that decides comes first, and the shares add up to one', () => {
  const [first, second] = gainImportance(trees)
  expect(first?.name).toBe('told')
  expect((first?.share ?? 0) + (second?.share ?? 0)).toBeCloseTo(1, 12)
})
