import type { Event } from '@gyre/sdk/wire/event'
import { TriggerSpec } from '@gyre/sdk/wire/trigger'
import { expect, test } from 'vitest'
import { causeOfEvent, causeOfProgress } from './cause.ts'

const DAY = 86_400_000

const trigger = (...when: TriggerSpec['when']) =>
  TriggerSpec.parse({
    name: 'keep-fresh',
    endpoint: 'flight-delay',
    when,
    pipeline: 'train',
    untilParam: 'until',
    params: {},
    cooldown: '14d',
    release: { kind: 'canary' },
  })

const event = (type: string, data: Event['data'] = {}): Event => ({
  seq: 417,
  id: 'evt_1',
  at: '2001-07-01T00:00:00.000Z',
  type,
  actor: 'monitor:weekly',
  project: 'default',
  subject: { kind: 'monitor', id: 'weekly' },
  data: {
    at: '2001-02-17T00:00:00.000Z',
    message: 'distance has moved',
    partial: false,
    brokenInput: false,
    ...data,
  },
  prevHash: '0'.repeat(64),
  hash: '0'.repeat(64),
})

test('an event fires only the trigger that watches this monitor for this', () => {
  const onDrift = trigger({ kind: 'drift', monitor: 'weekly' })
  const drift = event('drift.detected')
  expect(causeOfEvent(trigger({ kind: 'drift', monitor: 'daily' }), drift)).toBeUndefined()
  expect(causeOfEvent(trigger({ kind: 'schedule', every: '7d' }), drift)).toBeUndefined()
  expect(causeOfEvent(onDrift, event('quality.degraded'))).toBeUndefined()
  expect(causeOfEvent(onDrift, event('window.evaluated'))).toBeUndefined()
  expect(causeOfEvent(onDrift, event('drift.detected', { partial: true }))).toBeUndefined()
  expect(causeOfEvent(onDrift, drift)).toEqual({
    key: 'event:417',
    kind: 'drift',
    message: 'distance has moved',
    atMs: Date.parse('2001-02-17T00:00:00Z'),
    veto: undefined,
  })
})

test('drift that comes from quarantined requests is vetoed', () => {
  const onDrift = trigger({ kind: 'drift', monitor: 'weekly' })
  const cause = causeOfEvent(onDrift, event('drift.detected', { brokenInput: true }))
  expect(cause?.veto).toContain('quarantined')
})

test('a schedule fires at its due time, however late one looks', () => {
  const weekly = trigger({ kind: 'schedule', every: '7d' })
  const at = (day: number) =>
    causeOfProgress(weekly, { atMs: 0, labels: 0 }, { watermarkMs: day * DAY, labels: 0 })
  expect(at(6.99)).toBeUndefined()
  expect(at(7)).toMatchObject({ kind: 'schedule', atMs: 7 * DAY })
  expect(at(13.9)).toMatchObject({ atMs: 7 * DAY })
  expect(at(23)).toMatchObject({ atMs: 21 * DAY })
  expect(at(23)?.key).toBe(at(7)?.key)
})

test('new data fires when enough labels have come since the last firing', () => {
  const fresh = trigger({ kind: 'new-data', labels: 1000 })
  const at = (labels: number) =>
    causeOfProgress(fresh, { atMs: 0, labels: 500 }, { watermarkMs: DAY, labels })
  expect(at(1499)).toBeUndefined()
  expect(at(1500)).toMatchObject({ key: 'labels:500', kind: 'new-data', atMs: DAY })
})
