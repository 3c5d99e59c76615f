import { expect, test } from 'vitest'
import { seededRandom } from '../core/random.ts'
import { fillGradients, hessianIn, newGradients, rowsIn } from './gradients.ts'

const rows = 10_000
const random = seededRandom(1)
const scores = Float64Array.from({ length: rows }, () => random() * 12 - 8)
const labels = Uint8Array.from({ length: rows }, () => Number(random() < 0.3))
const gradients = newGradients(rows)
fillGradients(gradients, scores, labels)

const sum = (values: Iterable<number>) => [...values].reduce((total, value) => total + value, 0)

test('sums are the same in every order, and parts add up to the whole to the bit', () => {
  for (const column of [gradients.slopes, gradients.weights]) {
    const whole = sum(column)
    expect(sum(column.toReversed())).toBe(whole)
    expect(whole - sum(column.subarray(0, 777))).toBe(sum(column.subarray(777)))
  }
})

test('a sum of weights holds how many rows it is of, and their hessians', () => {
  for (const count of [1, 20, 999, rows]) {
    const weight = sum(gradients.weights.subarray(0, count))
    const hessians = sum(scores.subarray(0, count).map((s) => Math.exp(s) / (1 + Math.exp(s)) ** 2))
    expect(rowsIn(weight, gradients.unit)).toBe(count)
    expect(hessianIn(weight, gradients.unit)).toBeCloseTo(hessians, 5)
  }
})

test('scores so extreme that every hessian is zero still count rows', () => {
  const certain = newGradients(3)
  fillGradients(certain, Float64Array.of(800, -800, 800), Uint8Array.of(1, 0, 0))
  expect(rowsIn(sum(certain.weights), certain.unit)).toBe(3)
  expect([...certain.slopes]).toEqual([0, 0, 1])
})
