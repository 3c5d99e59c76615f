import { expect, test } from 'vitest'
import { argmax, sigmoid, softmax } from './logits.ts'

test('nothing has no largest', () => {
  expect(argmax([])).toBe(-1)
  expect(argmax([Number.NaN])).toBe(-1)
  expect(softmax([])).toEqual(new Float64Array())
})

test('softmax equals scipy, also where a naive one overflows', () => {
  // scipy 1.17: scipy.special.softmax
  expect([...softmax([1, 2, 3, -4])]).toEqual(
    close([0.08997599182352127, 0.2445801035714575, 0.6648376511409242, 0.0006062534640970337]),
  )
  expect([...softmax([1000, 1001, -1e4])]).toEqual(
    close([0.2689414213699951, 0.7310585786300049, 0]),
  )
})

test('sigmoid equals scipy at both ends', () => {
  // scipy 1.17: [scipy.special.expit(x) for x in (-5, 0, .3, 5, 40, 1000)]
  expect([-5, 0, 0.3, 5, 40, 1000].map(sigmoid)).toEqual(
    close([0.0066928509242848554, 0.5, 0.574442516811659, 0.9933071490757153, 1, 1]),
  )
  expect(sigmoid(-1000)).toBe(0)
})

test('of equals the first wins, NaN never does', () => {
  expect(argmax([1, 3, 3])).toBe(1)
  expect(argmax(Float32Array.of(Number.NaN, -5))).toBe(1)
  expect(argmax([Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY])).toBe(0)
})

function close(values: readonly number[]): unknown[] {
  return values.map((value) => expect.closeTo(value, 14))
}
