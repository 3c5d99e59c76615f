import { expect, test } from 'vitest'
import { auc, rank } from './auc.ts'

test('one class, or none, has no curve', () => {
  expect(auc(rank([]), [])).toBeNull()
  expect(auc(rank([0.1, 0.2]), [1, 1])).toBeNull()
  expect(auc(rank([0.1, 0.2]), [0, 1], [1, 0])).toBeNull()
})

test('a perfect ranking is 1, its reverse 0, equal scores a half', () => {
  expect(auc(rank([0.1, 0.2, 0.8]), [0, 0, 1])).toBe(1)
  expect(auc(rank([0.8, 0.7, 0.1]), [0, 0, 1])).toBe(0)
  expect(auc(rank([0.3, 0.3, 0.3]), [0, 1, 0])).toBe(0.5)
})

test('the worked example of scikit-learn', () => {
  // sklearn.metrics.roc_auc_score documentation: y_true = [0, 0, 1, 1], y_scores = [.1, .4, .35, .8]
  expect(auc(rank([0.1, 0.4, 0.35, 0.8]), [0, 0, 1, 1])).toBe(0.75)
})

test('a row that counts twice equals the row written twice', () => {
  const twice = auc(rank([0.1, 0.4, 0.4, 0.35, 0.8]), [0, 0, 0, 1, 1])
  expect(auc(rank([0.1, 0.4, 0.35, 0.8]), [0, 0, 1, 1], [1, 2, 1, 1])).toBe(twice)
})

test('0 and −0 are the same score', () => {
  expect(rank([0, -0, 0.5])).toEqual({ groupOf: Uint32Array.of(0, 0, 1), groups: 2 })
})
