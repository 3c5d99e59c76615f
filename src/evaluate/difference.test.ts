import { expect, test } from 'vitest'
import { seededRandom } from '../core/random.ts'
import { aucDifference } from './delong.ts'
import { bootstrapDifferences, logLossDifference } from './difference.ts'
import { PAIRED } from './fixture.ts'

const drawn = (metrics: readonly string[], seed: number, rounds: number) =>
  bootstrapDifferences(PAIRED, metrics, { random: seededRandom(seed), rounds })

test('rows that are not paired are refused', () => {
  const torn = { candidate: [0.1], champion: [], labels: [1] }
  expect(() => logLossDifference(torn)).toThrow('champion: expected 1 rows, got 0')
  expect(() => aucDifference(torn)).toThrow('labels: expected 0 rows, got 1')
})

test('too few rows, or one class alone, have no interval', () => {
  const one = { candidate: [0.1], champion: [0.2], labels: [0] }
  expect(logLossDifference(one)).toBeNull()
  expect(aucDifference(one)).toBeNull()
  expect(bootstrapDifferences(one, ['auc'], { random: seededRandom(1), rounds: 10 })).toEqual({})
})

test('the normal interval of the log loss equals scipy', () => {
  // d: row losses of the candidate less the champion's; d.mean() ± norm.ppf(.975) * stats.sem(d), scipy 1.17
  expect(logLossDifference(PAIRED)).toEqual({
    value: expect.closeTo(-0.0187290716626701, 6),
    lower: expect.closeTo(-0.05999597058573327, 6),
    upper: expect.closeTo(0.02253782726039307, 6),
  })
})

test('DeLong’s interval of the AUC equals numpy’s on every pair of rows, and agrees with the bootstrap', () => {
  // The kernel of all positives against all negatives in numpy; norm.ppf(.975) * sqrt(S10 / m + S01 / n)
  expect(aucDifference(PAIRED)).toEqual({
    value: expect.closeTo(0.046327099442546316, 12),
    lower: expect.closeTo(0.005206082420857412, 12),
    upper: expect.closeTo(0.08744811646423523, 12),
  })
  // stats.bootstrap((labels, candidate, champion), paired=True, n_resamples=5000, method='percentile')
  expect(drawn(['auc'], 3, 2000)).toEqual({
    auc: {
      value: expect.closeTo(0.046327099442546316, 12),
      lower: expect.closeTo(0.0042, 2.4),
      upper: expect.closeTo(0.0878, 2.4),
    },
  })
})

test('the paired bootstrap agrees with scipy to its own noise', () => {
  // stats.bootstrap((d,), np.mean, n_resamples=100000, method='percentile'), d per row and paired, scipy 1.18
  expect(drawn(['accuracy', 'brier', 'logLoss'], 3, 4000)).toEqual({
    accuracy: {
      value: expect.closeTo(10 / 300, 12),
      // Accuracies move by 1/300 a row.
      lower: expect.closeTo(-0.016667, 2.1),
      upper: expect.closeTo(0.086667, 2.1),
    },
    brier: {
      value: expect.closeTo(-0.009835778402203855, 12),
      lower: expect.closeTo(-0.02606, 2.4),
      upper: expect.closeTo(0.00692, 2.4),
    },
    logLoss: {
      value: expect.closeTo(-0.0187290716626701, 6),
      lower: expect.closeTo(-0.0592, 2.4),
      upper: expect.closeTo(0.0231, 2.4),
    },
  })
})

test('the same seed gives the same interval, and no metric costs no draw', () => {
  expect(drawn(['f1'], 9, 50)).toEqual(drawn(['f1'], 9, 50))
  expect(drawn([], 9, 50)).toEqual({})
})
