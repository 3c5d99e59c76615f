import { expect, test } from 'vitest'
import { closedTasks, openTasks, type Task } from './task.ts'
import { DAY, SPEC, START } from './fixture.ts'

const at = (day: number) => START + day * DAY
const days = (tasks: readonly Task[]) =>
  tasks.map(({ window, knownUntilMs }) =>
    [window.startMs, window.endMs, knownUntilMs].map((ms) => (ms - START) / DAY),
  )
const standing = (watermark: number, done?: number, first = 0) => ({
  doneMs: done === undefined ? undefined : at(done),
  firstMs: at(first),
  watermarkMs: at(watermark),
})

test('a window closes when its labels have had their time', () => {
  expect(days(closedTasks(SPEC, standing(8.9)))).toEqual([])
  expect(days(closedTasks(SPEC, standing(9)))).toEqual([[0, 7, 9]])
  expect(days(closedTasks(SPEC, standing(23)))).toEqual([
    [0, 7, 9],
    [7, 14, 16],
    [14, 21, 23],
  ])
  expect(days(closedTasks(SPEC, standing(16, 7)))).toEqual([[7, 14, 16]])
})

test('nothing is judged before the monitor begins, nor before the first prediction', () => {
  expect(days(closedTasks(SPEC, standing(9, undefined, -30)))).toEqual([[0, 7, 9]])
  expect(days(closedTasks(SPEC, standing(30, undefined, 15)))).toEqual([
    [14, 21, 23],
    [21, 28, 30],
  ])
})

test('what has begun and not closed can be looked at as it stands', () => {
  expect(days(openTasks(SPEC, standing(8)))).toEqual([
    [0, 7, 8],
    [7, 8, 8],
  ])
  expect(days(openTasks(SPEC, standing(10)))).toEqual([[7, 10, 10]])
  expect(days(openTasks(SPEC, standing(10, 7)))).toEqual([[7, 10, 10]])
  expect(openTasks(SPEC, standing(7, 7))).toEqual([])
})
