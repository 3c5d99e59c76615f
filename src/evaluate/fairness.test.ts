import { expect, test } from 'vitest'
import { demographicParity, equalizedOdds } from './fairness.ts'
import { PAIRED } from './fixture.ts'
import { judge } from './gate.ts'

/** `hits` of the rows of each group are predicted 1; labels alternate. */
function groupsOf(groups: Readonly<Record<string, readonly [hits: number, rows: number]>>) {
  const scores: number[] = []
  const rows = Object.entries(groups).map(([group, [hits, count]]) => {
    const first = scores.length
    for (let row = 0; row < count; row++) scores.push(row < hits ? 0.5 : 0.4999)
    return [group, Array.from({ length: count }, (_, row) => first + row)] as const
  })
  return { rows: { scores, labels: scores.map((_, i) => i % 2) }, groups: new Map(rows) }
}

const passes = (value: number) =>
  judge({ metrics: { disparity: value } }, { disparity: { by: 'sex', below: 0.05 } }).passed

test.each([
  // 0.30 − 0.25 is 0.04999999999999999 in doubles: counted in rows it is 0.05, and fails.
  [300, 250, 0.05, false],
  [550, 500, 0.05, false],
  [299, 250, 0.049, true],
  [549, 500, 0.049, true],
])('predicting %d and %d of 1000 is a disparity of %d', (a, b, disparity, passed) => {
  const { rows, groups } = groupsOf({ f: [a, 1000], m: [b, 1000] })
  const gap = demographicParity(rows, groups)
  expect(gap).toEqual({ value: disparity, high: 'f', low: 'm' })
  expect(passes(gap?.value ?? 0)).toBe(passed)
})

test('the groups furthest apart count, and one group alone says nothing', () => {
  const { rows, groups } = groupsOf({ a: [5, 10], b: [9, 10], c: [2, 10] })
  expect(demographicParity(rows, groups)).toEqual({ value: 0.7, high: 'b', low: 'c' })
  const alone = groupsOf({ a: [5, 10] })
  expect(demographicParity(alone.rows, alone.groups)).toBeNull()
})

test('a group without rows of a class has no odds to equalise', () => {
  const rows = { scores: [0.9, 0.1, 0.9], labels: [1, 0, 1] }
  const groups = new Map([
    ['a', [0, 1]],
    ['b', [2]],
  ])
  expect(equalizedOdds(rows, groups)).toBeNull()
})

test('parity and odds equal fairlearn', () => {
  // demographic_parity_difference and equalized_odds_difference, group i * 7 % 3, fairlearn 0.13
  const all = Array.from({ length: 300 }, (_, i) => i)
  const groups = new Map(
    ['a', 'b', 'c'].map((name, g) => [name, all.filter((i) => (i * 7) % 3 === g)]),
  )
  const rows = { scores: PAIRED.candidate, labels: PAIRED.labels }
  expect(demographicParity(rows, groups)?.value).toBeCloseTo(0.01, 12)
  expect(equalizedOdds(rows, groups)?.value).toBeCloseTo(0.04772727272727273, 12)
})
