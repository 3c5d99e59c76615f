import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { seededRandom } from '../core/random.ts'
import { binMatrix, MISSING_BIN } from './bins.ts'
import { LARGEST_FLOAT32 } from './float32.ts'
import { matrixOf } from './matrix.ts'

/** The cuts of one column, and the bin of each of its values. */
function binned(values: readonly number[], maxBins = 255) {
  const column = Float32Array.from(values)
  const { cuts, words } = binMatrix(matrixOf(['a'], [column]), maxBins, seededRandom(1))
  return { cuts: [...(cuts[0] ?? [])], bins: [...words].map((word) => word & 255) }
}

test('few distinct values get a bin each, cut halfway, and missing ones a bin of their own', () => {
  const { cuts, bins } = binned([3, NaN, 1, 3, 2])
  expect(cuts).toEqual([1.5, 2.5])
  expect(bins).toEqual([2, MISSING_BIN, 0, 2, 1])
})

test('many values share the bins evenly', () => {
  const { cuts, bins } = binned(
    Array.from({ length: 1000 }, (_, row) => row),
    10,
  )
  expect(cuts).toEqual([99.5, 199.5, 299.5, 399.5, 499.5, 599.5, 699.5, 799.5, 899.5])
  expect(bins.filter((bin) => bin === 4)).toHaveLength(100)
})

test('a frequent value has a bin alone and leaves the others theirs', () => {
  const zeros = Array.from({ length: 900 }, () => 0)
  const others = Array.from({ length: 100 }, (_, row) => row + 1)
  const { cuts, bins } = binned([...zeros, ...others], 11)
  expect(cuts).toEqual([0.5, 10.5, 20.5, 30.5, 40.5, 50.5, 60.5, 70.5, 80.5, 90.5])
  expect(bins.filter((bin) => bin === 0)).toHaveLength(900)
})

test('neighbouring float32 values are parted by the lower one; infinities lie in the outer bins', () => {
  const above = 1 + 2 ** -23
  expect(binned([1, above])).toEqual({ cuts: [1], bins: [0, 1] })
  expect(binned([-Infinity, 0, Infinity, LARGEST_FLOAT32]).bins).toEqual([0, 1, 2, 2])
})

test('bins are never more than asked for and keep the order of the values', () => {
  const value = fc.oneof(fc.float({ noNaN: true }), fc.constantFrom(0, 1, 2))
  fc.assert(
    fc.property(
      fc.array(value, { minLength: 1 }),
      fc.integer({ min: 2, max: 255 }),
      (values, max) => {
        const { cuts, bins } = binned(values, max)
        expect(cuts.length).toBeLessThan(max)
        expect(cuts).toEqual(cuts.toSorted((a, b) => a - b))
        for (const [row, bin] of bins.entries()) {
          const below = cuts.filter((cut) => cut < (values[row] ?? NaN)).length
          expect(bin).toBe(below)
        }
      },
    ),
  )
})
