import { expect, test } from 'vitest'
import { seededRandom } from '../core/random.ts'
import { PAIRED } from './fixture.ts'
import { clopperPearson, metricIntervals } from './interval.ts'

const close = (lower: number, upper: number, digits: number) => ({
  lower: expect.closeTo(lower, digits),
  upper: expect.closeTo(upper, digits),
})

test('no rows have no interval', () => {
  expect(clopperPearson(0, 0)).toBeNull()
  const resampling = { random: seededRandom(1), rounds: 5 }
  expect(metricIntervals({ scores: [], labels: [] }, resampling)).toEqual({})
})

test.each([
  [90, 100, 0.8237774022599773, 0.9509953107785141],
  [0, 20, 0, 0.16843347098308534],
  [20, 20, 0.8315665290169146, 1],
  [1, 10, 0.0025285785444617848, 0.4450161170281953],
  [181_234, 200_000, 0.9048836715404143, 0.9074445422508589],
])('the exact interval of %d in %d equals statsmodels', (hits, rows, lower, upper) => {
  // statsmodels.stats.proportion.proportion_confint(hits, rows, method='beta'), 0.14
  expect(clopperPearson(hits, rows)).toEqual(close(lower, upper, 10))
})

test('every metric has its interval: exact for shares, DeLong’s for the AUC, drawn for the others', () => {
  const rows = { scores: PAIRED.candidate, labels: PAIRED.labels }
  const found = metricIntervals(rows, { random: seededRandom(3), rounds: 2000 })
  expect(found).toMatchObject({
    // proportion_confint of 199 in 300, 92 in 151 and 92 in 134
    accuracy: close(0.6067769820152927, 0.716626011729883, 10),
    precision: close(0.5266167153014412, 0.6875495637017953, 10),
    recall: close(0.6007872531826993, 0.7638875546302092, 10),
    auc: close(0.6554475130666592, 0.7715889911591994, 12),
    // scipy.stats.bootstrap(…, paired=True, n_resamples=10000, method='percentile')
    f1: close(0.5774647887323944, 0.7079111035997971, 1.9),
    brier: close(0.19719406525000005, 0.24906425875000002, 2.4),
  })
  expect(Object.keys(found).toSorted()).toEqual([
    'accuracy',
    'auc',
    'brier',
    'calibration',
    'calibrationError',
    'f1',
    'logLoss',
    'meanScore',
    'positiveRate',
    'precision',
    'recall',
  ])
  expect(metricIntervals(rows, { random: seededRandom(3), rounds: 2000 })).toEqual(found)
  const { accuracy, auc, positiveRate, precision, recall } = found
  const exact = { accuracy, auc, positiveRate, precision, recall }
  expect(metricIntervals(rows, { random: seededRandom(3), rounds: 2000 }, ['auc'])).toEqual(exact)
  const { brier } = metricIntervals(rows, { random: seededRandom(3), rounds: 2000 }, ['brier'])
  expect(brier).toEqual(found['brier'])
})
