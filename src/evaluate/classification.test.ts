import { expect, test } from 'vitest'
import { binaryMetrics } from './classification.ts'

/** 200 rows with ties, the same as in the Python below. */
const scores = Array.from(
  { length: 200 },
  (_, i) => Math.round((((i * 37) % 101) * 0.0098 + 0.01) * 1e4) / 1e4,
)
const labels = scores.map((score, i) => ((i * 53) % 97 < (score * 0.7 + 0.1) * 97 ? 1 : 0))
const weights = scores.map((_, i) => (i % 7) / 3)

test('columns that cannot be judged are refused by name and row', () => {
  expect(() => binaryMetrics({ scores: [0.5], labels: [] })).toThrow('labels: expected 1 rows')
  expect(() => binaryMetrics({ scores: [0.5], labels: [2] })).toThrow('labels: expected 0 or 1')
  expect(() => binaryMetrics({ scores: [0.5, Number.NaN], labels: [1, 0] })).toThrow('NaN at row 1')
  expect(() => binaryMetrics({ scores: [1.5], labels: [1] })).toThrow('scores: expected 0..1')
  expect(() => binaryMetrics({ scores: [0.5], labels: [1], weights: [-1] })).toThrow('weights')
})

test('without rows every metric is null', () => {
  const { n, ...metrics } = binaryMetrics({ scores: [], labels: [] })
  expect(n).toBe(0)
  expect(new Set(Object.values(metrics))).toEqual(new Set([null]))
})

test('one class alone has no AUC, a model that predicts nobody no precision', () => {
  const metrics = binaryMetrics({ scores: [0.2, 0.4], labels: [0, 0] })
  expect(metrics).toMatchObject({ auc: null, precision: null, recall: null, accuracy: 1 })
})

test('every metric equals scikit-learn', () => {
  // scikit-learn 1.9.1, numpy 2.4; the mean of a − b for calibration, default parameters otherwise:
  //   i = np.arange(200); scores = ((i * 37 % 101) / 100 * 0.98 + 0.01).round(4)
  //   labels = ((i * 53 % 97) / 97 < scores * 0.7 + 0.1).astype(int); pred = scores >= 0.5
  expect(binaryMetrics({ scores, labels })).toMatchObject(
    close({
      auc: 0.7016538149350648, // roc_auc_score
      logLoss: 0.7013366215539891, // log_loss
      brier: 0.23346519500000004, // brier_score_loss
      accuracy: 0.675, // accuracy_score
      precision: 0.6138613861386139, // precision_score
      recall: 0.7045454545454546, // recall_score
      f1: 0.656084656084656, // f1_score
      calibration: 0.06044100000000002,
    }),
  )
})

test('every metric equals scikit-learn with weights', () => {
  // As above with sample_weight = (i % 7) / 3.
  expect(binaryMetrics({ scores, labels, weights })).toMatchObject(
    close({
      auc: 0.7052452786734223,
      logLoss: 0.6828773891876938,
      brier: 0.23227420545454544,
      accuracy: 0.6919191919191919,
      precision: 0.6296296296296295,
      recall: 0.719230769230769,
      f1: 0.6714542190305205,
      calibration: 0.06590269360269368,
    }),
  )
})

test('a certain and wrong score costs 34.5 nats, not infinity', () => {
  const { logLoss } = binaryMetrics({ scores: [0], labels: [1] })
  expect(logLoss).toBeCloseTo(34.538776394910684, 10) // −ln 1e-15
})

test('float32 scores of a served model are judged as they are', () => {
  const served = Float32Array.from(scores)
  expect(binaryMetrics({ scores: served, labels }).auc).toBeCloseTo(0.7016538149350648, 12)
})

function close(metrics: Record<string, number>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(metrics).map(([name, value]) => [name, expect.closeTo(value, 12)]),
  )
}
