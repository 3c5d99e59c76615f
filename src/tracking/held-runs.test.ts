import { HeldRunStart } from '@gyre/sdk/wire/run'
import type { z } from 'zod'
import { expect, test } from 'vitest'
import { silentLog } from '../core/log.ts'
import { createRunLogs } from '../store/run-logs.ts'
import { createHeldRuns } from './held-runs.ts'
import { ctx, openLogbook, type Logbook } from './fixture.ts'

function holding({ store, tracking, clock }: Logbook) {
  const { experiments } = tracking
  const logs = createRunLogs({ catalog: store.catalog, log: silentLog })
  return createHeldRuns({
    ...store,
    logs,
    experiments,
    clock,
    log: silentLog,
    inheritMetrics: (tx, of, { runId, step }, heir) =>
      store.runs.setTags(of, heir, { inherited: `${runId} ${step}` }, tx),
  })
}

const startOf = (given: Partial<z.input<typeof HeldRunStart>> = {}) =>
  HeldRunStart.parse({ kind: 'script', name: 'train.py', hold: '1m', ...given })

/** As if its holder had said nothing for longer than it said. */
async function silence({ store }: Logbook, id: string): Promise<void> {
  await store.catalog.write(async (tx) => {
    await tx.updateTable('runs').set({ held_until: 1 }).where('id', '=', id).execute()
  })
}

test('what cannot be is refused by its field', async () => {
  await using book = await openLogbook()
  const held = holding(book)
  await expect(held.start(ctx, startOf({ hold: '1ms' }))).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    details: { field: 'hold' },
  })
  const gone = await book.tracking.experiments.create(ctx, { name: 'gone' })
  await book.tracking.experiments.remove(ctx, gone.number)
  await expect(held.start(ctx, startOf({ experiment: 'gone' }))).rejects.toMatchObject({
    code: 'CONFLICT',
  })
  await expect(held.beat(ctx, 'run_none', '1m')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await expect(held.end(ctx, await book.start(), { status: 'failed' })).rejects.toMatchObject({
    code: 'CONFLICT',
    message: expect.stringContaining('nobody holds'),
  })
})

test('a run keeps what its holder says of its code, and belongs to an experiment made for it', async () => {
  await using book = await openLogbook()
  const code = { digest: `sha256:${'a'.repeat(64)}`, command: ['gyre', 'run', 'train.py'] }
  const environment = { python: '3.11.2' }
  const inputs = [{ ref: 'model:churn@7', role: 'model' }]
  const { id } = await holding(book).start(
    ctx,
    startOf({ experiment: 'churn', params: { lr: '0.1' }, inputs, code, environment, seed: 7 }),
  )
  const { number } = await book.tracking.experiments.byName(ctx, 'churn')
  expect(await book.store.runs.get(ctx, id)).toMatchObject({
    kind: 'script',
    name: 'train.py',
    status: 'running',
    experiment: String(number),
    params: { lr: '0.1' },
    inputs,
    code,
    environment,
    seed: 7,
  })
  // Clients of MLflow see it like their own.
  expect(await book.tracking.get(ctx, id)).toMatchObject({ phase: 'RUNNING', name: 'train.py' })
})

test('a silent run is lost, and goes on when it is heard again', async () => {
  await using book = await openLogbook()
  const held = holding(book)
  const [silent, heard] = [
    await held.start(ctx, startOf()),
    await held.start(ctx, startOf({ name: 'other.py' })),
  ]
  await silence(book, silent.id)
  await held.loseSilent()
  const { runs } = book.store
  expect(await runs.get(ctx, silent.id)).toMatchObject({
    status: 'lost',
    error: { code: 'UNAVAILABLE' },
  })
  expect((await book.tracking.get(ctx, silent.id)).phase).toBe('FAILED')
  expect((await runs.get(ctx, heard.id)).status).toBe('running')

  const again = await held.beat(ctx, silent.id, '1m')
  expect(again).toMatchObject({ status: 'running', error: null, endedAt: null })
  await held.loseSilent()
  expect((await runs.get(ctx, silent.id)).status).toBe('running')
  expect(await held.end(ctx, silent.id, { status: 'succeeded' })).toMatchObject({
    status: 'succeeded',
    error: null,
  })
  await expect(held.beat(ctx, silent.id, '1m')).rejects.toMatchObject({ code: 'CONFLICT' })
})

test("the holder's word on the end beats that of a client inside the program", async () => {
  await using book = await openLogbook()
  const held = holding(book)
  const { id } = await held.start(ctx, startOf())
  await book.tracking.update(ctx, id, { phase: 'FINISHED', endMs: 5 })
  await held.beat(ctx, id, '1m')
  const error = { code: 'STEP_FAILED', message: 'exit code 1' }
  expect(await held.end(ctx, id, { status: 'failed', error })).toMatchObject({
    status: 'failed',
    error,
  })
  expect((await book.tracking.get(ctx, id)).phase).toBe('FAILED')
})

test('holders get time to be heard after the server was away', async () => {
  await using book = await openLogbook()
  const held = holding(book)
  const { id } = await held.start(ctx, startOf())
  await silence(book, id)
  await held.watch()
  held.close()
  await held.loseSilent()
  expect((await book.store.runs.get(ctx, id)).status).toBe('running')
})

test('what a held run prints is taken from who holds it, and from nobody else', async () => {
  await using book = await openLogbook()
  const held = holding(book)
  const piece = { start: 0, text: 'epoch 1\n' }
  await expect(held.log(ctx, 'run_none', piece)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await expect(held.log(ctx, await book.start(), piece)).rejects.toMatchObject({ code: 'CONFLICT' })
  const { id } = await held.start(ctx, startOf())
  await held.log(ctx, id, piece)
  const logs = createRunLogs({ catalog: book.store.catalog, log: silentLog })
  expect(await logs.read(ctx, id, 0)).toMatchObject({ pieces: [piece], live: true })
  await held.end(ctx, id, { status: 'succeeded' })
  await expect(held.log(ctx, id, piece)).rejects.toMatchObject({ code: 'CONFLICT' })
})

const checkpointAt = (step: number) => ({
  step,
  atMs: 1,
  artifact: { digest: `sha256:${'c'.repeat(64)}`, bytes: 3, mediaType: 'text/plain' } as const,
})

test('a checkpoint is later than the last, of a run that somebody holds, and gone when it succeeds', async () => {
  await using book = await openLogbook()
  const held = holding(book)
  const unheld = held.checkpoint(ctx, await book.start(), checkpointAt(1))
  await expect(unheld).rejects.toMatchObject({ code: 'CONFLICT' })
  const { id } = await held.start(ctx, startOf())
  expect(await held.lastCheckpoint(ctx, id)).toBeUndefined()
  await held.checkpoint(ctx, id, checkpointAt(9))
  await expect(held.checkpoint(ctx, id, checkpointAt(9))).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    details: { field: 'step' },
  })
  expect(await held.lastCheckpoint(ctx, id)).toEqual(checkpointAt(9))
  await held.end(ctx, id, { status: 'succeeded' })
  expect(await held.lastCheckpoint(ctx, id)).toBeUndefined()
})

test('a run goes on from one that did not succeed, with its checkpoint', async () => {
  await using book = await openLogbook()
  const held = holding(book)
  const { id } = await held.start(ctx, startOf())
  await expect(held.start(ctx, startOf({ resumes: 'run_none' }))).rejects.toMatchObject({
    code: 'NOT_FOUND',
  })
  await expect(held.start(ctx, startOf({ resumes: id }))).rejects.toMatchObject({
    code: 'CONFLICT',
    message: expect.stringContaining('still runs'),
  })
  await held.checkpoint(ctx, id, checkpointAt(9))
  await held.end(ctx, id, { status: 'failed' })
  const next = await held.start(ctx, startOf({ resumes: id }))
  expect(next).toMatchObject({
    status: 'running',
    inputs: [{ ref: `run:${id}`, role: 'resumes' }],
    tags: { inherited: `${id} 9` },
  })
  // Killed before its own first one, it can be gone on from all the same.
  expect(await held.lastCheckpoint(ctx, next.id)).toEqual(checkpointAt(9))
})
