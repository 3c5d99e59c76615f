import { expect, test } from 'vitest'
import { parseRange } from './range.ts'

// RFC 9110 §14.1.2, for 10,000 bytes.
test.each([
  ['bytes=0-499', { first: 0, last: 499 }],
  ['bytes=500-999', { first: 500, last: 999 }],
  ['bytes=-500', { first: 9_500, last: 9_999 }],
  ['bytes=9500-', { first: 9_500, last: 9_999 }],
  ['bytes=0-0', { first: 0, last: 0 }],
  ['bytes=9999-20000', { first: 9_999, last: 9_999 }],
  ['bytes=-20000', { first: 0, last: 9_999 }],
  ['bytes=10000-', 'unsatisfiable'],
  [`bytes=${'9'.repeat(400)}-`, 'unsatisfiable'],
  ['bytes=-0', 'unsatisfiable'],
  [undefined, 'all'],
  ['bytes=-', 'all'],
  ['bytes=5-4', 'all'],
  ['bytes=--5', 'all'],
  ['bytes=-5-', 'all'],
  ['bytes=1.5-2', 'all'],
  ['bytes=0-0,-1', 'all'],
  ['lines=0-5', 'all'],
  [`bytes=${Array.from({ length: 10_000 }, (_, i) => `${i}-${i}`).join(',')}`, 'all'],
])('%.40s of 10,000 bytes', (header, expected) => {
  expect(parseRange(header, 10_000)).toEqual(expected)
})

test('no bytes have no range', () => {
  for (const header of ['bytes=0-', 'bytes=-1', 'bytes=0-0'])
    expect(parseRange(header, 0)).toBe('unsatisfiable')
})
