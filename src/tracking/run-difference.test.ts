import { Readable } from 'node:stream'
import type { RunRef } from '@gyre/sdk/wire/run'
import { expect, test } from 'vitest'
import { silentLog } from '../core/log.ts'
import { createArtifacts } from './artifacts.ts'
import { ctx, openLogbook, type Logbook } from './fixture.ts'

interface Point {
  readonly value: number
  readonly step?: number
  readonly atMs?: number
}

/** A run with one metric; gives its id. */
async function logged(book: Logbook, points: readonly Point[]): Promise<string> {
  const id = await book.start()
  const metrics = points.map(({ value, step = 0, atMs = 1 }) => ({
    key: 'loss',
    value,
    step,
    atMs,
  }))
  for (let from = 0; from < metrics.length; from += 1_000)
    await book.tracking.log(ctx, id, { metrics: metrics.slice(from, from + 1_000) })
  return id
}

async function metricsBetween(book: Logbook, before: readonly Point[], now: readonly Point[]) {
  const [a, b] = [await logged(book, before), await logged(book, now)]
  return (await book.tracking.difference(ctx, a, b)).metrics
}

const curve = (...values: readonly number[]) => values.map((value, step) => ({ value, step }))

test('a run that is not there is named', async () => {
  await using book = await openLogbook()
  const id = await book.start()
  await expect(book.tracking.difference(ctx, 'run_none', id)).rejects.toMatchObject({
    code: 'NOT_FOUND',
    message: expect.stringContaining('run_none'),
  })
})

test('the first step that differs is told, though both ended at the same value', async () => {
  await using book = await openLogbook()
  const found = await metricsBetween(book, curve(1, 0.3, 0.25, 0.1), curve(1, 0.1 + 0.2, 0.2, 0.1))
  expect(found).toEqual([
    { step: null, what: 'loss at step 1', before: '0.3', now: '0.30000000000000004' },
  ])
})

test('where the last value alone differs it is told once; a step that is missing is null', async () => {
  await using book = await openLogbook()
  expect(await metricsBetween(book, curve(1, 2), curve(1, 3))).toEqual([
    { step: null, what: 'loss', before: '2', now: '3' },
  ])
  const gap = await metricsBetween(book, curve(1, 2, 3), [
    { value: 1, step: 0 },
    { value: 3, step: 2 },
  ])
  expect(gap).toEqual([{ step: null, what: 'loss at step 1', before: '2', now: null }])
})

test('times do not differ, nor their order within a step; signs of zero and NaN do', async () => {
  await using book = await openLogbook()
  const before = [
    { value: 2, atMs: 1 },
    { value: 1, atMs: 2 },
    { value: 1, atMs: 3 },
  ]
  const now = [
    { value: 1, atMs: 7 },
    { value: 2, atMs: 7 },
    { value: 1, atMs: 8 },
  ]
  expect(await metricsBetween(book, before, now)).toEqual([])
  expect(await metricsBetween(book, curve(Number.NaN, 5), curve(Number.NaN, 5))).toEqual([])
  expect(await metricsBetween(book, curve(0, 5), curve(-0, 5))).toEqual([
    { step: null, what: 'loss at step 0', before: '0', now: '-0' },
  ])
})

test('a long history is compared to its last page, whatever the order it was logged in', async () => {
  await using book = await openLogbook()
  const long = Array.from({ length: 25_000 }, (_, step) => ({ value: step / 7, step, atMs: step }))
  const other = long.map((point) => (point.step === 24_321 ? { ...point, value: 0 } : point))
  expect(await metricsBetween(book, long, other.toReversed())).toEqual([
    { step: null, what: 'loss at step 24321', before: String(24_321 / 7), now: '0' },
  ])
})

const refs = (digest: string): RunRef[] => [{ ref: `dataset:wine@${digest}`, role: 'train' }]

test('datasets that were logged are inputs, by their name and what they were used for', async () => {
  await using book = await openLogbook()
  const [a, b] = [await book.start(), await book.start()]
  await book.store.runs.addInputs(ctx, a, refs('8f2a'))
  await book.store.runs.addInputs(ctx, b, refs('77c1'))
  expect((await book.tracking.difference(ctx, a, b)).inputs).toEqual([
    {
      step: null,
      what: 'train dataset:wine',
      before: 'dataset:wine@8f2a',
      now: 'dataset:wine@77c1',
    },
  ])
})

test('files that a program logged differ by their bytes, not those that Gyre keeps by itself', async () => {
  await using book = await openLogbook()
  const artifacts = createArtifacts({ ...book.store, clock: book.clock, log: silentLog })
  const [a, b] = [await book.start(), await book.start()]
  const put = (id: string, path: string, text: string) =>
    artifacts.put(ctx, { root: { kind: 'run', id }, path }, Readable.from([Buffer.from(text)]))
  for (const [id, hour] of [
    [a, '9'],
    [b, '10'],
  ] as const) {
    await put(id, 'logs/stdout.txt', `at ${hour}`)
    await put(id, 'model/MLmodel', `utc_time_created: ${hour}`)
    await put(id, 'model/weights.json', '[1]')
    await put(id, 'report.txt', hour)
  }
  await put(b, 'more.txt', '')
  expect((await book.tracking.difference(ctx, a, b)).metrics).toEqual([
    {
      step: null,
      what: 'artifact more.txt',
      before: null,
      // sha256sum of nothing.
      now: 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    },
    {
      step: null,
      what: 'artifact report.txt',
      // printf 9 | sha256sum; printf 10 | sha256sum
      before: 'sha256:19581e27de7ced00ff1ce50b2047e7a567c76b1cbaebabe5ef03f7c3017bb5b7',
      now: 'sha256:4a44dc15364204a80fe80e9039455cc1608281820fe2b24f1e5233ade6af1dd5',
    },
  ])
})
