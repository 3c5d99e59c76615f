import { expect, test } from 'vitest'
import { seededRandom } from '../core/random.ts'
import { bootstrapAuc, bootstrapLogLoss, logLossDifference, type PairedRows } from './difference.ts'

/**
 * numpy 2.4, i = np.arange(300):
 *   labels = ((i * 53 % 97) / 97 < (i * 37 % 101) / 101 * 0.7 + 0.1).astype(int)
 *   candidate = ((i * 37 % 101) / 100 * 0.9 + 0.05).round(6)
 *   champion = ((i * 37 % 101) / 100 * 0.5 + (i * 29 % 89) / 88 * 0.4 + 0.05).round(6)
 */
const rows: PairedRows = {
  labels: series((i) => ((i * 53) % 97 < ((((i * 37) % 101) / 101) * 0.7 + 0.1) * 97 ? 1 : 0)),
  candidate: series((i) => (((i * 37) % 101) / 100) * 0.9 + 0.05),
  champion: series((i) => (((i * 37) % 101) / 100) * 0.5 + (((i * 29) % 89) / 88) * 0.4 + 0.05),
}

test('rows that are not paired are refused', () => {
  expect(() => logLossDifference({ candidate: [0.1], champion: [], labels: [1] })).toThrow(
    'champion: expected 1 rows, got 0',
  )
})

test('too few rows, or one class alone, have no interval', () => {
  const resampling = { random: seededRandom(1), rounds: 10 }
  const one = { candidate: [0.1], champion: [0.2], labels: [0] }
  expect(logLossDifference(one)).toBeNull()
  expect(bootstrapLogLoss(one, resampling)).toBeNull()
  expect(bootstrapAuc(one, resampling)).toBeNull()
})

test('the normal interval of the log loss equals scipy', () => {
  // d: row losses of the candidate less the champion's; d.mean() ± norm.ppf(.975) * stats.sem(d), scipy 1.17
  expect(logLossDifference(rows)).toEqual({
    value: expect.closeTo(-0.0187290716626701, 6),
    lower: expect.closeTo(-0.05999597058573327, 6),
    upper: expect.closeTo(0.02253782726039307, 6),
  })
})

test('the bootstrap of the log loss agrees with scipy to its own noise', () => {
  // scipy.stats.bootstrap((d,), np.mean, n_resamples=200000, method='percentile'): -0.05920, 0.02309
  expect(bootstrapLogLoss(rows, { random: seededRandom(3), rounds: 4000 })).toEqual({
    value: expect.closeTo(-0.0187290716626701, 6),
    lower: expect.closeTo(-0.0592, 2.4),
    upper: expect.closeTo(0.0231, 2.4),
  })
})

test('the bootstrap of the AUC agrees with scipy to its own noise', () => {
  // stats.bootstrap((labels, candidate, champion), paired=True, n_resamples=5000, method='percentile')
  // of roc_auc_score(labels, candidate) - roc_auc_score(labels, champion): 0.00418, 0.08780
  expect(bootstrapAuc(rows, { random: seededRandom(3), rounds: 2000 })).toEqual({
    value: expect.closeTo(0.046327099442546316, 12),
    lower: expect.closeTo(0.0042, 2.4),
    upper: expect.closeTo(0.0878, 2.4),
  })
})

test('the same seed gives the same interval', () => {
  const [one, again] = [9, 9].map((seed) =>
    bootstrapAuc(rows, { random: seededRandom(seed), rounds: 50 }),
  )
  expect(one).toEqual(again)
})

function series(of: (i: number) => number): number[] {
  return Array.from({ length: 300 }, (_, i) => of(i))
}
