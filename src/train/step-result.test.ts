import { expect, test } from 'vitest'
import { resultOf } from './step-result.ts'

const holder: { name: string; inner: { back?: object } } = { name: 'a', inner: {} }
holder.inner.back = holder

let deep: unknown = 1
for (let level = 0; level < 20_000; level++) deep = [deep]

test.each([
  [{ auc: Number.NaN }, 'result.auc: expected JSON, got NaN'],
  [{ a: [1, Number.POSITIVE_INFINITY] }, 'result.a[1]: expected JSON, got Infinity'],
  [undefined, 'result: expected JSON, got nothing (undefined)'],
  [{ a: { b: undefined } }, 'result.a.b: expected JSON, got nothing (undefined)'],
  [Array(2), 'result[0]: expected JSON, got nothing (undefined)'],
  [{ rows: 3n }, 'result.rows: expected JSON, got a BigInt (3n)'],
  [{ predict: () => 1 }, 'result.predict: expected JSON, got a function'],
  [{ at: new Date(0) }, 'result.at: expected JSON, got a Date'],
  [{ by: new Map() }, 'result.by: expected JSON, got a Map'],
  [holder, 'result.inner.back: expected JSON, got an object that holds itself'],
  [
    'x'.repeat(1_000_001),
    'result: expected at most 1000000 bytes of JSON, got 1000003; keep it as a file, and give its digest',
  ],
])('a result that cannot be kept is refused by its place: %#', (result, message) => {
  expect(() => resultOf('fit', result)).toThrow(
    expect.objectContaining({ code: 'STEP_FAILED', message: `step fit: ${message}` }),
  )
})

test('nesting without an end is refused too', () => {
  expect(() => resultOf('fit', deep)).toThrow(/got more than 200 objects in another$/)
})

test('what JSON can say is kept, the same object twice as well', () => {
  const shared = { digest: 'sha256:a' }
  const result = { a: shared, b: [shared, null, true, 'x', 1.5], c: Object.create(null) }
  expect(resultOf('fit', result)).toEqual({ a: shared, b: [shared, null, true, 'x', 1.5], c: {} })
})
