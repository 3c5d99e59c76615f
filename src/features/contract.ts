import { expect, test } from 'vitest'
import { freshness, HISTORY, type OnlineBatch, type OnlineStore } from './online.ts'

type Given = readonly [key: string, eventMs: number, value: number | null]

/** What every driver of the online store must do. */
export function onlineStoreContract(open: () => OnlineStore): void {
  test('an unknown entity, and an instant before the first row, find nothing', () => {
    const view = open().view('v')
    view.apply(batch([['a', 10, 1]]), 0, 1)
    expect(view.find('b', 100)).toBeUndefined()
    expect(view.find('a', 9)).toBeUndefined()
  })

  test('the newest row at or before the instant answers, NULL as much as a value', () => {
    const view = open().view('v')
    const rows = batch([
      ['a', 10, 1],
      ['a', 20, null],
      ['b', 20, 5],
      ['a', 30, 3],
    ])
    view.apply(rows, 0, 4)
    expect(view.find('a', 10)).toEqual({ eventMs: 10, values: [1] })
    expect(view.find('a', 19.9)).toEqual({ eventMs: 10, values: [1] })
    expect(view.find('a', 20)).toEqual({ eventMs: 20, values: [null] })
    expect(view.find('a', 1e15)).toEqual({ eventMs: 30, values: [3] })
    expect(view.find('b', 30)).toEqual({ eventMs: 20, values: [5] })
  })

  test('only the rows asked for are taken from a batch', () => {
    const view = open().view('v')
    const rows = batch([
      ['a', 10, 1],
      ['a', 20, 2],
      ['a', 30, 3],
    ])
    view.apply(rows, 0, 1)
    expect(view.find('a', 100)?.eventMs).toBe(10)
    view.apply(rows, 1, 2)
    expect(view.find('a', 100)?.eventMs).toBe(20)
  })

  test('a late row takes its place in time and never hides a newer one', () => {
    const view = open().view('v')
    view.apply(batch([['a', 30, 3]]), 0, 1)
    view.apply(batch([['a', 20, 2]]), 0, 1)
    expect(view.find('a', 100)?.values).toEqual([3])
    expect(view.find('a', 29)?.values).toEqual([2])
  })

  test('of two rows of one instant, the one taken later wins', () => {
    const view = open().view('v')
    const rows = batch([
      ['a', 30, 3],
      ['a', 30, 4],
    ])
    view.apply(rows, 0, 2)
    expect(view.find('a', 30)?.values).toEqual([4])
  })

  test(`an entity keeps its ${HISTORY} newest rows`, () => {
    const view = open().view('v')
    const rows = batch(Array.from({ length: HISTORY + 2 }, (_, i) => ['a', i, i] as const))
    view.apply(rows, 0, HISTORY + 2)
    expect(view.find('a', 2)?.eventMs).toBe(2)
    expect(view.find('a', 1)).toBeUndefined()
    view.apply(batch([['a', 0.5, 7]]), 0, 1)
    expect(view.find('a', 1)).toBeUndefined()
    expect(view.find('a', 2)?.eventMs).toBe(2)
  })

  test('views know nothing of each other, and a dropped one is empty', () => {
    const store = open()
    store.view('v').apply(batch([['a', 1, 1]]), 0, 1)
    store.view('w').apply(batch([['a', 1, 2]]), 0, 1)
    store.drop('v')
    expect(store.view('v').find('a', 1)).toBeUndefined()
    expect(store.view('w').find('a', 1)?.values).toEqual([2])
  })

  // Feast: event_timestamp >= entity_timestamp - ttl, inclusive; ttl 0 means no limit.
  test('a row answers up to and including its time to live', () => {
    const view = open().view('v')
    view.apply(batch([['a', 100, 1]]), 0, 1)
    const status = (atMs: number, ttlMs: number) => freshness(view.find('a', atMs), atMs, ttlMs)
    expect(status(99, 50)).toBe('NOT_FOUND')
    expect(status(100, 50)).toBe('PRESENT')
    expect(status(150, 50)).toBe('PRESENT')
    expect(status(151, 50)).toBe('OUTSIDE_MAX_AGE')
    expect(status(1e15, 0)).toBe('PRESENT')
  })
}

function batch(rows: readonly Given[]): OnlineBatch {
  const keys = [...new Set(rows.map(([key]) => key))]
  return {
    keys,
    keyIndex: Int32Array.from(rows, ([key]) => keys.indexOf(key)),
    eventMs: Float64Array.from(rows, ([, eventMs]) => eventMs),
    features: [
      {
        values: Float64Array.from(rows, ([, , value]) => value ?? 0),
        valid: Uint8Array.from(rows, ([, , value]) => (value === null ? 0 : 1)),
      },
    ],
  }
}
