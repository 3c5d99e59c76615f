import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { fakeClock } from '../core/clock.ts'
import { silentLog } from '../core/log.ts'
import { spawnProcess } from '../core/spawn.ts'
import { createAnalytics } from './analytics-process.ts'
import { tempFolder } from './contract/temp-folder.ts'

async function opened(idleMs?: number) {
  const folder = await tempFolder()
  const clock = fakeClock()
  const children: ChildProcess[] = []
  const analytics = createAnalytics(
    { memoryMb: 256, tempFolder: join(folder, 'temp'), folders: [folder] },
    {
      clock,
      log: silentLog,
      ...(idleMs === undefined ? {} : { idleMs }),
      spawn(...how) {
        const child = spawnProcess(...how)
        children.push(child)
        return child
      },
    },
  )
  onTestFinished(() => analytics.close())
  return { analytics, clock, children }
}

/** Runs for hours if nobody stops it. */
const ENDLESS = 'SELECT sum(a.range * b.range) FROM range(9999999) a, range(9999999) b'

test('errors keep their code across the process', async () => {
  const { analytics } = await opened()
  await expect(analytics.query('SELEC 1')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  await expect(analytics.query(ENDLESS, [], { timeoutMs: 1_000 })).rejects.toMatchObject({
    code: 'TIMEOUT',
  })
})

test('rows, typed arrays and parameters cross the process unchanged', async () => {
  const { analytics } = await opened()
  const at = new Date('2001-01-01T00:00:00Z')
  expect(await analytics.query('SELECT ? AS at, ? AS list', [at, ['a', 'b']])).toEqual([
    { at: at.getTime(), list: ['a', 'b'] },
  ])
  const { columns } = await analytics.columns("SELECT 0.5::DOUBLE AS x, 'a' AS s")
  expect(columns[0]?.values).toEqual(Float64Array.of(0.5))
  expect(columns[1]?.values).toEqual({ keys: ['a'], index: Int32Array.of(0) })
})

test('nothing is started before the first query', async () => {
  const { analytics, children } = await opened()
  expect(children).toHaveLength(0)
  await Promise.all([analytics.query('SELECT 1'), analytics.query('SELECT 2')])
  expect(children).toHaveLength(1)
})

test('a crash fails what is under way with UNAVAILABLE; the next query has a new process', async () => {
  const { analytics, clock, children } = await opened()
  const unavailable = { code: 'UNAVAILABLE' }
  await analytics.query('SELECT 1')
  for (let crash = 0; crash < 2; crash++) {
    const running = analytics.query(ENDLESS)
    children[crash]?.kill('SIGKILL')
    await expect(running).rejects.toMatchObject(unavailable)
  }
  // The second crash came before any answer: now it has to wait.
  await expect(analytics.query('SELECT 1')).rejects.toMatchObject(unavailable)
  expect(children).toHaveLength(2)
  clock.advance(10_000)
  expect(await analytics.query('SELECT 1 AS one')).toEqual([{ one: 1 }])
})

test('a process nobody asks ends, which is no crash; the next query has a new one', async () => {
  const { analytics, children } = await opened(1)
  await analytics.query('SELECT 1')
  await expect.poll(() => children[0]?.signalCode, { interval: 1, timeout: 10_000 }).toBe('SIGKILL')
  expect(await analytics.query('SELECT 2 AS two')).toEqual([{ two: 2 }])
  expect(children).toHaveLength(2)
})

test('a closed one is UNAVAILABLE, and its process is gone', async () => {
  const { analytics, children } = await opened()
  await analytics.query('SELECT 1')
  await analytics.close()
  await expect(analytics.query('SELECT 1')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  expect(children[0]?.signalCode).toBe('SIGKILL')
})

test('it is closed under a query that would run for hours, at once and without a process left', async () => {
  const { analytics, children } = await opened()
  await analytics.query('SELECT 1')
  const running = analytics.query(ENDLESS)
  await Promise.all([
    analytics.close(),
    expect(running).rejects.toMatchObject({ code: 'UNAVAILABLE' }),
  ])
  expect(children[0]?.signalCode).toBe('SIGKILL')
})
