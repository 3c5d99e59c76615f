import { expect, test } from 'vitest'
import { calibrationError } from './calibration.ts'

test('no rows have no calibration', () => {
  expect(calibrationError({ scores: [], labels: [] })).toBeNull()
})

test('the bin gaps of scikit-learn, weighted by rows, add up to the error', () => {
  const scores = Array.from(
    { length: 200 },
    (_, i) => Math.round((((i * 37) % 101) * 0.0098 + 0.01) * 1e4) / 1e4,
  )
  const labels = scores.map((score, i) => ((i * 53) % 97 < (score * 0.7 + 0.1) * 97 ? 1 : 0))
  const between = scores.map((score) => score + 0.0003) // no score on a bin's edge, where rules differ
  // scikit-learn 1.9.1: t, p = calibration_curve(labels, scores, n_bins=10); sum(rows * abs(t - p)) / 200
  expect(calibrationError({ scores: between, labels })).toBeCloseTo(0.10933500000000002, 12)
})

test('a score of 1 falls into the last bin', () => {
  expect(calibrationError({ scores: [1, 0.95], labels: [1, 0] }, 10)).toBeCloseTo(0.475, 12)
})

test('weights count as rows', () => {
  const error = calibrationError({ scores: [0.2, 0.9], labels: [0, 1], weights: [3, 1] })
  expect(error).toBeCloseTo((3 * 0.2 + 0.1) / 4, 12)
})
