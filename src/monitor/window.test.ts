import { expect, test } from 'vitest'
import { closedWindows, formatWindow, windowOf, type Progress } from './window.ts'

const originMs = Date.UTC(2001, 1, 1)
const weekMs = 7 * 86_400_000
const weekly = { originMs, everyMs: weekMs }

const closed = (progress: Partial<Progress>) =>
  [
    ...closedWindows(weekly, {
      doneMs: undefined,
      firstMs: originMs,
      watermarkMs: originMs,
      lagMs: 0,
      ...progress,
    }),
  ].map(({ startMs }) => (startMs - originMs) / weekMs)

test('a window without width is refused', () => {
  expect(() => windowOf(0, { originMs, everyMs: 0 })).toThrow('every')
  expect(() => windowOf(0, { originMs, everyMs: Number.NaN })).toThrow('every')
})

test('a boundary belongs to the window it opens', () => {
  const first = { startMs: originMs, endMs: originMs + weekMs }
  expect(windowOf(originMs, weekly)).toEqual(first)
  expect(windowOf(originMs + weekMs - 1, weekly)).toEqual(first)
  expect(windowOf(originMs + weekMs, weekly).startMs).toBe(first.endMs)
})

test('windows reach back before their origin', () => {
  expect(windowOf(originMs - 1, weekly)).toEqual({ startMs: originMs - weekMs, endMs: originMs })
})

test('a window closes when the watermark, less the lag, reaches its end', () => {
  expect(closed({ watermarkMs: originMs + weekMs - 1 })).toEqual([])
  expect(closed({ watermarkMs: originMs + weekMs })).toEqual([0])
  expect(closed({ watermarkMs: originMs + weekMs, lagMs: 1 })).toEqual([])
  expect(closed({ watermarkMs: originMs + weekMs + 1, lagMs: 1 })).toEqual([0])
})

test('a leap of the watermark closes every window between, the silent ones too', () => {
  expect(closed({ watermarkMs: originMs + 3.5 * weekMs })).toEqual([0, 1, 2])
})

test('what was judged is not judged again', () => {
  const watermarkMs = originMs + 3 * weekMs
  expect(closed({ watermarkMs, doneMs: originMs + 2 * weekMs })).toEqual([2])
  expect(closed({ watermarkMs, doneMs: watermarkMs })).toEqual([])
})

test('the first window is the one of the first event', () => {
  const firstMs = originMs + 1.5 * weekMs
  expect(closed({ firstMs, watermarkMs: originMs + 3 * weekMs })).toEqual([1, 2])
})

test('a window is written as an ISO interval', () => {
  expect(formatWindow(windowOf(originMs, weekly))).toBe(
    '2001-02-01T00:00:00.000Z/2001-02-08T00:00:00.000Z',
  )
})
