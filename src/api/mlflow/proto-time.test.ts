import { expect, test } from 'vitest'
import { Duration, durationOut, Instant, instantOut } from './proto-time.ts'

test.each([
  '',
  'yesterday',
  '2025-11-24',
  '2025-13-24T16:00:00Z',
  '2025-11-24T16:00:00',
  '1764000000',
])('%j is no time', (text) => {
  expect(Instant.safeParse(text).success).toBe(false)
})

test.each(['', '1', 's', '1.s', '1e3s', '1.0000000001s', '1m'])('%j is no duration', (text) => {
  expect(Duration.safeParse(text).success).toBe(false)
})

// What google.protobuf 7.36.2 makes of the same texts, to the millisecond, and writes for them.
test.each([
  ['1970-01-01T00:00:00Z', 0, '1970-01-01T00:00:00Z'],
  ['2025-11-24T16:00:00.123Z', 1_764_000_000_123, '2025-11-24T16:00:00.123Z'],
  ['2025-11-24T16:00:00.123456789Z', 1_764_000_000_123, '2025-11-24T16:00:00.123Z'],
  ['2025-11-24T17:00:00.1+01:00', 1_764_000_000_100, '2025-11-24T16:00:00.100Z'],
])('%s', (text, ms, written) => {
  expect(Instant.parse(text)).toBe(ms)
  expect(instantOut(ms)).toBe(written)
})

test.each([
  ['0s', 0, '0s'],
  ['0.103s', 103, '0.103s'],
  ['1.001s', 1_001, '1.001s'],
  ['1.5s', 1_500, '1.500s'],
  ['2.000s', 2_000, '2s'],
  ['-0.250s', -250, '-0.250s'],
])('%s', (text, ms, written) => {
  expect(Duration.parse(text)).toBe(ms)
  expect(durationOut(ms)).toBe(written)
})
