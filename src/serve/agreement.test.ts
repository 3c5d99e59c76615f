import { expect, test } from 'vitest'
import { compareAnswers, scoreParts, type AnswerPart } from './agreement.ts'

const part = (name: string, ...values: number[]): AnswerPart => ({
  name,
  datatype: 'FP32',
  data: Float32Array.from(values),
})
const text = (...data: string[]): AnswerPart => ({ name: 'label', datatype: 'BYTES', data })

test('another shape, another type, a missing and a further part disagree, without a distance', () => {
  const one = [part('y', 1, 2)]
  for (const other of [
    [part('y', 1)],
    [part('z', 1, 2)],
    [{ name: 'y', datatype: 'FP64' as const, data: Float64Array.of(1, 2) }],
    [],
  ])
    expect(compareAnswers(one, other, 1)).toEqual({ agree: false, maxAbsDiff: null })
  expect(compareAnswers(one, [...one, part('z', 1)], 1)).toMatchObject({ agree: false })
})

test('no number is NaN by a little', () => {
  expect(compareAnswers([part('y', NaN)], [part('y', 1)], 9)).toEqual({
    agree: false,
    maxAbsDiff: null,
  })
  expect(compareAnswers([part('y', NaN)], [part('y', NaN)], 0).agree).toBe(true)
  expect(compareAnswers([part('y', Infinity)], [part('y', Infinity)], 0).agree).toBe(true)
})

test('numbers agree within the tolerance, texts when they are equal', () => {
  const found = compareAnswers([part('y', 1, 2)], [part('y', 1.25, 1.5)], 0.5)
  expect(found).toEqual({ agree: true, maxAbsDiff: 0.5 })
  expect(compareAnswers(scoreParts(0.5), scoreParts(0.75), 0.2)).toEqual({
    agree: false,
    maxAbsDiff: 0.25,
  })
  expect(compareAnswers([text('cat')], [text('cat')], 0)).toEqual({ agree: true, maxAbsDiff: null })
  expect(compareAnswers([text('cat')], [text('dog')], 9).agree).toBe(false)
})
