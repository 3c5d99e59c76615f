import { expect, test } from 'vitest'
import { elementsOf, fitsShape, joinRows, rowsOf, type Tensor } from './tensor.ts'

test.for([
  [[99_999_999_999, 128]],
  [[2 ** 40, 2 ** 40]],
  [[-1, 4]],
  [[1.5]],
  [[Number.NaN]],
  [[Number.POSITIVE_INFINITY, 0]],
] as const)('%j has no elements that could be allocated', ([shape]) => {
  expect(elementsOf(shape, 2 ** 31)).toBeNaN()
})

test.for([
  [[], 1],
  [[0, 99_999_999_999], 0],
  [[2, 3, 4], 24],
] as const)('%j has %d elements', ([shape, count]) => {
  expect(elementsOf(shape)).toBe(count)
})

test('a shape fits where only what varies differs', () => {
  expect(fitsShape([-1, 4], [7, 4])).toBe(true)
  expect(fitsShape([-1, 4], [7, 5])).toBe(false)
  expect(fitsShape([-1, 4], [7, 4, 1])).toBe(false)
})

const FLOATS: Tensor = {
  name: 'x',
  datatype: 'FP32',
  shape: [2, 2],
  data: Float32Array.of(1, 2, 3, 4),
}
const LONGS: Tensor = {
  name: 'x',
  datatype: 'INT64',
  shape: [1, 2],
  data: BigInt64Array.of(5n, 2n ** 60n),
}
const TEXTS: Tensor = { name: 'x', datatype: 'BYTES', shape: [2, 1], data: ['a', 'b'] }

test.for([
  ['floats', FLOATS],
  ['longs', LONGS],
  ['texts', TEXTS],
] as const)('rows of %s joined can be taken apart again', ([, one]) => {
  const joined = joinRows([one, one])
  const [rows = 0, columns] = one.shape
  expect(joined.shape).toEqual([2 * rows, columns])
  expect(rowsOf(joined, 0, rows)).toEqual(one)
  expect(rowsOf(joined, rows, 2 * rows)).toEqual(one)
})
