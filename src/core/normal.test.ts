import { expect, test } from 'vitest'
import { erfc, normalCdf, normalQuantile } from './normal.ts'

/** scipy 1.17.1, `scipy.special.erfc`. */
const ERFC = [
  [-3, 1.9999779095030015],
  [-0.4, 1.4283923550466684],
  [0.2, 0.7772974107895215],
  [1, 0.15729920705028516],
  [3, 2.2090496998585445e-5],
  [5, 1.5374597944280347e-12],
  [10, 2.0884875837625446e-45],
  [26, 5.663192408856145e-296],
] as const

/** `scipy.stats.norm.cdf`. */
const CDF = [
  [-37, 5.7255712225239266e-300],
  [-8, 6.22096057427174e-16],
  [-3, 0.0013498980316300933],
  [-1, 0.15865525393145707],
  [-0.3, 0.3820885778110474],
  [0, 0.5],
  [0.46, 0.6772418897496523],
  [0.47, 0.6808224912174442],
  [1.5, 0.9331927987311419],
  [4.5, 0.9999966023268753],
] as const

/** `scipy.stats.norm.ppf`. */
const QUANTILE = [
  [1e-300, -37.0470962993612],
  [1e-20, -9.262340089798409],
  [0.001, -3.090232306167813],
  [0.05, -1.6448536269514729],
  [0.3, -0.5244005127080409],
  [0.5, 0.0],
  [0.8, 0.8416212335729143],
  [0.975, 1.959963984540054],
  [0.999999, 4.753424308817087],
] as const

/** What is further than 1e-12 of its value from the table. */
function wrongOf(table: readonly (readonly [number, number])[], of: (x: number) => number) {
  return table.filter(([x, value]) => !(Math.abs(of(x) - value) <= 1e-12 * Math.abs(value)))
}

test('the complementary error function is scipy’s, far out in its tail too', () => {
  expect(wrongOf(ERFC, erfc)).toEqual([])
})

test('the normal distribution is scipy’s, to the smallest probabilities', () => {
  expect(wrongOf(CDF, normalCdf)).toEqual([])
})

test('its quantiles are scipy’s', () => {
  expect(wrongOf(QUANTILE, normalQuantile)).toEqual([])
})

test('what cannot be has the ends of the line, and both are each other’s inverse', () => {
  expect(normalQuantile(0)).toBe(Number.NEGATIVE_INFINITY)
  expect(normalQuantile(1)).toBe(Number.POSITIVE_INFINITY)
  expect(normalCdf(Number.NEGATIVE_INFINITY)).toBe(0)
  expect(normalCdf(Number.POSITIVE_INFINITY)).toBe(1)
  for (const p of [1e-12, 0.02, 0.3, 0.5, 0.77, 0.99])
    expect(normalCdf(normalQuantile(p))).toBeCloseTo(p, 13)
})
