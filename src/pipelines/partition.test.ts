import type { Partitions } from '@gyre/sdk/wire/partition'
import { expect, test } from 'vitest'
import { parsePartition, partitionsBetween } from './partition.ts'

const from = (by: 'hour' | 'day' | 'week' | 'month', at: string): Partitions => ({ by, from: at })
const keys = (partitions: Partitions, now: string, bounds = {}): string[] =>
  partitionsBetween(partitions, bounds, new Date(now), 10_000).map(({ key }) => key)

test('days are those that have ended, with the 29th of February in leap years alone', () => {
  const daily = from('day', '2024-02-27T00:00:00.000Z')
  expect(keys(daily, '2024-03-02T00:00:00Z')).toEqual([
    '2024-02-27',
    '2024-02-28',
    '2024-02-29',
    '2024-03-01',
  ])
  expect(keys(daily, '2024-03-01T23:59:59.999Z').at(-1)).toBe('2024-02-29')
  const year = { from: '2025-01-01', to: '2026-01-01' }
  expect(keys(daily, '2026-06-01T00:00:00Z', year)).toHaveLength(365)
  expect(keys(daily, '2026-06-01T00:00:00Z', year)).not.toContain('2025-02-29')
  const leap = { from: '2028-01-01', to: '2029-01-01' }
  expect(keys(daily, '2030-01-01T00:00:00Z', leap)).toHaveLength(366)
})

test('months begin with their first day, however long they are', () => {
  const monthly = from('month', '2025-11-01T00:00:00.000Z')
  expect(keys(monthly, '2026-03-01T00:00:00Z')).toEqual([
    '2025-11',
    '2025-12',
    '2026-01',
    '2026-02',
  ])
  expect(keys(monthly, '2026-02-28T23:59:59Z').at(-1)).toBe('2026-01')
  expect(parsePartition(monthly, 'to', '2026-01')).toEqual({
    key: '2026-01',
    value: '2026-01-01T00:00:00.000Z',
  })
})

test('weeks keep the weekday that they begin with, and hours know no summer time', () => {
  // 2026-01-05 is a Monday.
  const weekly = from('week', '2026-01-05T00:00:00.000Z')
  expect(keys(weekly, '2026-02-02T00:00:00Z')).toEqual([
    '2026-01-05',
    '2026-01-12',
    '2026-01-19',
    '2026-01-26',
  ])
  // In most of Europe 2026-03-29 has 23 hours.
  const hourly = from('hour', '2026-03-29T00:00:00.000Z')
  const hours = keys(hourly, '2026-03-30T00:00:00Z')
  expect(hours).toHaveLength(24)
  expect(hours.slice(1, 3)).toEqual(['2026-03-29T01', '2026-03-29T02'])
})

test('bounds are half-open: from is in, to is not', () => {
  const daily = from('day', '2026-01-01T00:00:00.000Z')
  const now = '2026-06-01T00:00:00Z'
  expect(keys(daily, now, { from: '2026-01-31', to: '2026-02-02' })).toEqual([
    '2026-01-31',
    '2026-02-01',
  ])
  expect(keys(daily, now, { from: '2026-01-31', to: '2026-01-31' })).toEqual([])
})

const daily = from('day', '2026-01-01T00:00:00.000Z')
test.each([
  [daily, { from: '2026-02-30' }, /^from: expected the start of a day in UTC.*got 2026-02-30/],
  [daily, { from: '2025-12-31' }, /^from: .*from 2026-01-01T00:00:00\.000Z on/],
  [daily, { to: '2026-02-01T12:00:00Z' }, /^to: expected the start of a day/],
  [daily, { to: 'tomorrow' }, /^to: /],
  [daily, { from: '2026-02-02', to: '2026-02-01' }, /^to: lies before from/],
  [from('week', '2026-01-05T00:00:00Z'), { from: '2026-01-06' }, /^from: .*such as 2026-01-05/],
  [from('month', '2026-01-01T00:00:00Z'), { from: '2026-01-15' }, /^from: .*such as 2026-01/],
  [{ by: 'name' as const, names: ['eu'] }, { from: 'eu' }, /^from: names have no order/],
])('what is no bound of %j is refused by name: %j', (partitions, bounds, message) => {
  const now = new Date('2026-06-01T00:00:00Z')
  expect(() => partitionsBetween(partitions, bounds, now, 100)).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringMatching(message) }),
  )
})

test('more partitions than may be are refused, naming where they begin', () => {
  const now = new Date('2026-06-01T00:00:00Z')
  expect(() => partitionsBetween(daily, {}, now, 100)).toThrow(/^from: expected at most 100/)
  expect(partitionsBetween(daily, { to: '2026-04-11' }, now, 100)).toHaveLength(100)
})
