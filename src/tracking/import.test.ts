import { crc32 } from 'node:zlib'
import type { ImportFiles } from '@gyre/sdk/wire/import'
import { expect, test } from 'vitest'
import { digestOf } from '../core/digest.ts'
import { encodePoints } from '../store/metric-chunks.ts'
import { bytesOf } from './fixture/shelf.ts'
import { ctx, FLIGHTS, MODEL, openCustoms, RUN, stretch, type Customs } from './fixture/import.ts'

const stranger = { ...ctx, project: 'another' }
type GivenFile = ImportFiles['files'][number]

const refused = (reason: RegExp) => ({ refused: expect.stringMatching(reason) })

const outcomesOf = async (customs: Customs, runs: readonly (typeof RUN)[], who = ctx) =>
  (await customs.imports.runs(who, runs)).map(({ outcome }) => outcome)

/** Everything of the run that anybody can read. */
async function stateOf({ tracking, store, artifacts }: Customs) {
  const run = await tracking.get(ctx, RUN.id)
  const histories = await Promise.all(
    run.metrics.map(({ key }) => tracking.history(ctx, RUN.id, key, 1_000)),
  )
  const files = await artifacts.list(ctx, { root: { kind: 'run', id: RUN.id }, path: '' }, 100)
  const events = await store.events.since(0, 1_000)
  return { run, histories, files, events }
}

test('an id that stands for something else here is refused, and changes nothing', async () => {
  await using customs = await openCustoms()
  await customs.imports.experiments(stranger, [FLIGHTS])
  await customs.imports.experiments(ctx, [{ ...FLIGHTS, name: 'other' }])
  expect(await outcomesOf(customs, [RUN])).toEqual(['imported'])
  const native = await customs.tracking.start(ctx, { experiment: 1, userId: 'ann', tags: [] })
  const before = await stateOf(customs)
  expect(await outcomesOf(customs, [RUN], stranger)).toEqual([refused(/its id is taken/)])
  expect(
    await outcomesOf(customs, [
      { ...RUN, id: native.id },
      { ...RUN, experiment: 'other' },
      { ...RUN, startMs: 3_001 },
    ]),
  ).toEqual([
    refused(/was not imported/),
    refused(/in experiment 1/),
    refused(/began at another time/),
  ])
  expect(await stateOf(customs)).toEqual(before)
})

test('a run without its experiment, and a live one of a deleted experiment, are refused', async () => {
  await using customs = await openCustoms()
  await customs.tracking.experiments.remove(ctx, 1)
  const gone = { ...RUN, id: 'gone', deletedMs: 5_000 }
  expect(await outcomesOf(customs, [{ ...RUN, experiment: 'nope' }, RUN, gone])).toEqual([
    refused(/no experiment is named nope/),
    refused(/the experiment flights is deleted here/),
    'imported',
  ])
})

test('a label that cannot be kept, or says something else here, is refused alone', async () => {
  await using customs = await openCustoms()
  const bad = [
    { key: '', value: 'x' },
    { key: 'k'.repeat(251), value: '' },
    { key: 'long', value: 'x'.repeat(100_001) },
    { key: 'half', value: '\ud800' },
    { key: 'nul', value: 'a\0b' },
  ]
  const [first] = await customs.imports.runs(ctx, [{ ...RUN, params: [...bad, ...RUN.params] }])
  expect(first?.params).toEqual([
    refused(/no name/),
    refused(/250 characters/),
    refused(/100000 characters/),
    refused(/well-formed/),
    refused(/NUL/),
    'imported',
    'imported',
  ])
  const params = [
    { key: 'lr', value: '0.2' },
    { key: 'new', value: '1' },
  ]
  const [second] = await customs.imports.runs(ctx, [{ ...RUN, params }])
  expect(second?.params).toEqual([refused(/it is "0.1" here/), 'imported'])
  const run = await customs.tracking.get(ctx, RUN.id)
  expect(run.params.toSorted((a, b) => (a.key < b.key ? -1 : 1))).toEqual([
    { key: 'empty', value: '' },
    { key: 'lr', value: '0.1' },
    { key: 'new', value: '1' },
  ])
})

test('a dataset that is another here is refused, as is one whose tags are', async () => {
  await using customs = await openCustoms()
  await customs.imports.runs(ctx, [RUN])
  const [dataset] = RUN.datasets
  if (!dataset) throw new Error('no dataset')
  const [again] = await customs.imports.runs(ctx, [
    {
      ...RUN,
      datasets: [
        { ...dataset, profile: null },
        { ...dataset, tags: [{ key: 'mlflow.data.context', value: 'test' }] },
      ],
    },
  ])
  expect(again?.datasets).toEqual([refused(/its profile is/), refused(/mlflow.data.context is/)])
})

test('points that would leave a gap or come twice, and those of no imported run, are refused', async () => {
  await using customs = await openCustoms()
  const { id: native } = await customs.tracking.start(ctx, {
    experiment: 1,
    userId: 'ann',
    tags: [],
  })
  await customs.imports.runs(ctx, [RUN])
  const point = { value: 1, step: 0, atMs: 1 }
  const good = stretch('loss', 0, [point, { ...point, step: 1 }])
  expect(await customs.imports.points(ctx, [good])).toEqual(['imported'])
  expect(
    await customs.imports.points(ctx, [
      stretch('loss', 1, [point]),
      stretch('loss', 3, [point]),
      stretch('acc', 1, [point]),
      stretch('', 0, [point]),
      { ...stretch('acc', 0, [point]), points: '' },
      { ...stretch('acc', 0, [point]), points: 'AAAA' },
      { ...stretch('acc', 0, [point]), run: native },
      { ...stretch('acc', 0, [point]), run: 'nobody' },
    ]),
  ).toEqual([
    refused(/2 of its points are here, not 1/),
    refused(/2 of its points are here, not 3/),
    refused(/0 of its points are here, not 1/),
    refused(/no name/),
    refused(/24 bytes a point/),
    refused(/24 bytes a point/),
    refused(/was imported/),
    refused(/was imported/),
  ])
  expect(await customs.imports.points(stranger, [stretch('loss', 2, [point])])).toEqual([
    refused(/was imported/),
  ])
  const { points } = await customs.tracking.history(ctx, RUN.id, 'loss', 10)
  expect(points).toHaveLength(2)
})

test('a file whose name means another place, without bytes, or in the way of another is refused', async () => {
  await using customs = await openCustoms()
  await customs.imports.runs(ctx, [RUN])
  const { digest } = await customs.store.blobs.put(bytesOf('abc'))
  const { digest: grown } = await customs.store.blobs.put(bytesOf('abcdef'))
  const root = { kind: 'run', id: RUN.id } as const
  const file: GivenFile = { path: '', digest, mediaType: 'text/plain', instead: null }
  const send = (files: readonly Partial<typeof file>[], who = ctx) =>
    customs.imports.files(who, { root, files: files.map((one) => ({ ...file, ...one })) })
  const paths = ['../x', '/etc/passwd', 'a/../../b', 'a\\b', '%2e%2e/x', 'file:///x', '']
  for (const one of await send(paths.map((path) => ({ path }))))
    expect(one.outcome).toEqual(refused(/^path: expected/))
  expect(await send([{ path: 'a', digest: digestOf('nothing') }])).toMatchObject([
    { outcome: refused(/no such artifact/) },
  ])
  expect(await send([{ path: 'a' }], stranger)).toMatchObject([{ outcome: refused(/not found/) }])
  expect(await send([{ path: 'a/log' }])).toEqual([{ outcome: 'imported', here: null }])
  expect(await send([{ path: 'a' }])).toMatchObject([{ outcome: refused(/folder/) }])
  const other = { path: 'a/log', digest: grown }
  expect(await send([other])).toEqual([
    { outcome: refused(/another file/), here: { digest, bytes: 3 } },
  ])
  expect(await send([{ ...other, instead: digest }])).toMatchObject([{ outcome: 'imported' }])
  expect(await send([{ ...other, instead: digest }])).toMatchObject([{ outcome: 'there' }])
  expect(await customs.artifacts.list(ctx, { root, path: 'a' }, 10)).toEqual({
    entries: [{ kind: 'file', path: 'a/log', bytes: 6 }],
    next: undefined,
  })
})

test('a run that changed both here and where it comes from is refused', async () => {
  await using customs = await openCustoms()
  const running = { ...RUN, phase: 'RUNNING', endMs: null } as const
  await customs.imports.runs(ctx, [running])
  await customs.tracking.update(ctx, RUN.id, { name: 'mine' })
  expect(await outcomesOf(customs, [running])).toEqual(['there'])
  expect(await outcomesOf(customs, [RUN])).toEqual([refused(/changed here and where it comes/)])
  expect(await customs.tracking.get(ctx, RUN.id)).toMatchObject({ name: 'mine', phase: 'RUNNING' })
})

test('a run that has gone on since takes its end, its new name, labels and points', async () => {
  await using customs = await openCustoms()
  const draft = { name: 'draft', phase: 'RUNNING', endMs: null } as const
  const tags = [{ key: 'mlflow.runName', value: 'draft' }]
  await customs.imports.runs(ctx, [{ ...RUN, ...draft, tags }])
  const points = [0, 1, 2].map((step) => ({ value: step, step, atMs: step }))
  await customs.imports.points(ctx, [stretch('loss', 0, points.slice(0, 2))])
  const [again] = await customs.imports.runs(ctx, [RUN])
  expect(again).toMatchObject({
    outcome: 'imported',
    tags: ['there', 'imported'],
    series: [{ key: 'loss', points: 2, crc: crc32(encodePoints(points.slice(0, 2))) }],
  })
  expect(await customs.imports.points(ctx, [stretch('loss', 2, points.slice(2))])).toEqual([
    'imported',
  ])
  const { run, histories } = await stateOf(customs)
  expect(run).toMatchObject({ name: 'first', phase: 'FINISHED', endMs: 4_000 })
  expect(run.tags).toContainEqual({ key: 'mlflow.runName', value: 'first' })
  expect(histories).toEqual([{ points, next: undefined }])
})

test('a run comes as it was, under its id, and importing it again adds nothing', async () => {
  await using customs = await openCustoms()
  const points = [
    { value: Number.NaN, step: 0, atMs: 1 },
    { value: -0, step: -3, atMs: 2 },
    { value: Number.POSITIVE_INFINITY, step: 2n ** 62n, atMs: 2n ** 62n + 1n },
  ]
  const { digest } = await customs.store.blobs.put(bytesOf('abc'))
  const root = { kind: 'run', id: RUN.id } as const
  const files = [{ path: 'a/b.txt', digest, mediaType: 'text/plain', instead: null }]
  const once = async () => {
    const { imports } = customs
    const [run] = await imports.runs(ctx, [RUN])
    const sent = run?.series.length === 0 ? [stretch('odd', 0, points)] : []
    return [
      await imports.experiments(ctx, [FLIGHTS]),
      run,
      await imports.points(ctx, sent),
      await imports.files(ctx, { root, files }),
      await imports.loggedModels(ctx, [MODEL]),
    ]
  }
  expect(await once()).toEqual([
    [{ outcome: 'there', number: 1, tags: ['there'] }],
    {
      outcome: 'imported',
      params: ['imported', 'imported'],
      tags: ['imported', 'imported'],
      datasets: ['imported'],
      models: ['imported'],
      series: [],
    },
    ['imported'],
    [{ outcome: 'imported', here: null }],
    [{ outcome: 'imported', params: ['imported'], tags: ['imported'], metrics: ['imported'] }],
  ])
  const first = await stateOf(customs)
  expect(await once()).toEqual([
    [{ outcome: 'there', number: 1, tags: ['there'] }],
    {
      outcome: 'there',
      params: ['there', 'there'],
      tags: ['there', 'there'],
      datasets: ['there'],
      models: ['there'],
      series: [{ key: 'odd', points: 3, crc: crc32(encodePoints(points)) }],
    },
    [],
    [{ outcome: 'there', here: null }],
    [{ outcome: 'there', params: ['there'], tags: ['there'], metrics: ['there'] }],
  ])
  expect(await stateOf(customs)).toEqual(first)
  expect(first.run).toMatchObject({
    id: RUN.id,
    experiment: 1,
    name: 'first',
    userId: 'ada',
    phase: 'FINISHED',
    startMs: 3_000,
    endMs: 4_000,
    isDeleted: false,
    modelOutputs: [{ model: 'm-1', step: 3 }],
  })
  expect(first.histories).toEqual([{ points, next: undefined }])
  expect(await customs.store.runs.get(ctx, RUN.id)).toMatchObject({
    status: 'succeeded',
    startedAt: '1970-01-01T00:00:03.000Z',
    endedAt: '1970-01-01T00:00:04.000Z',
    actor: 'key:ada',
  })
  expect(await customs.tracking.experiments.get(ctx, 1)).toMatchObject({
    name: 'flights',
    createdMs: 1_000,
    updatedMs: 2_000,
    tags: { team: 'red' },
  })
})

const child = (id: string) => ({
  ...RUN,
  id,
  tags: [{ key: 'mlflow.parentRunId', value: RUN.id }],
})

test('children find their parent, whichever comes first', async () => {
  await using customs = await openCustoms()
  for (const one of [child('early'), RUN, child('late')])
    expect(await outcomesOf(customs, [one])).toEqual(['imported'])
  const { runs } = await customs.store.runs.list(ctx, { parentId: RUN.id }, 10)
  expect(runs.map(({ id }) => id)).toEqual(['late', 'early'])
})
