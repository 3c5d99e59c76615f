import { once } from 'node:events'
import { expect, test } from 'vitest'
import { systemClock } from '../core/clock.ts'
import { digestOf } from '../core/digest.ts'
import { silentLog } from '../core/log.ts'
import { seededRandom } from '../core/random.ts'
import { siblingUrl, spawnProcess } from '../core/spawn.ts'
import { CRASH_STREAM } from './contract/crash-stream.ts'
import type { Ack } from './contract/crash-writer.ts'
import { tempFolder } from './contract/temp-folder.ts'
import { openStore, type Store } from './store.ts'

const ROUNDS = 3

/** Lets the writer run until it has told `acks` answers, then kills it with SIGKILL. */
async function writeAndKill(folder: string, round: number, acks: number): Promise<Ack[]> {
  const script = siblingUrl('./contract/crash-writer', import.meta.url)
  const child = spawnProcess(script, [folder, `r${round}`], {})
  const told: Ack[] = []
  child.on('message', (ack: Ack) => {
    told.push(ack)
    if (told.length === acks) child.kill('SIGKILL')
  })
  const [, signal] = await once(child, 'exit')
  expect(signal).toBe('SIGKILL')
  return told
}

const named = (told: readonly Ack[], wanted: Ack['kind']) =>
  told.filter(({ kind }) => kind === wanted).map(({ name }) => name)

async function checkCatalog(store: Store, told: readonly Ack[]): Promise<void> {
  const rows = await store.catalog.read.selectFrom('leases').select('name').execute()
  const halves = new Set(rows.map(({ name }) => name))
  const units = new Set(rows.map(({ name }) => name.slice(0, -'-a'.length)))
  expect(named(told, 'unit').filter((unit) => !units.has(unit))).toEqual([])
  expect(halves.size).toBe(units.size * 2)
  expect(await store.events.verify()).toEqual({ ok: true, count: units.size })
}

async function checkRows(store: Store, told: readonly Ack[]): Promise<void> {
  const source = await store.rows.stream('crash', CRASH_STREAM).sql()
  const rows = await store.analytics.query(
    `SELECT name, count(*) AS n, count(DISTINCT i) AS d FROM ${source.sql} GROUP BY name`,
  )
  source.release()
  const whole = new Set(rows.filter(({ d }) => d === 3).map(({ name }) => name))
  expect(named(told, 'batch').filter((batch) => !whole.has(batch))).toEqual([])
  expect(rows.filter(({ n, d }) => n !== d)).toEqual([])
}

async function checkBlobs(store: Store, told: readonly Ack[]): Promise<void> {
  for (const name of named(told, 'blob'))
    expect(String(await store.blobs.read(digestOf(name)))).toBe(name)
}

test('kill -9 at random points loses nothing that was answered and leaves no half batch', async () => {
  const random = seededRandom(20_010_101)
  const folder = await tempFolder()
  const told: Ack[] = []
  for (let round = 0; round < ROUNDS; round++) {
    told.push(...(await writeAndKill(folder, round, 20 + Math.floor(random() * 400))))
    const store = await openStore({
      folder,
      clock: systemClock,
      log: silentLog,
      config: { analyticsMemoryMb: 256 },
    })
    try {
      await checkCatalog(store, told)
      await checkRows(store, told)
      await checkBlobs(store, told)
    } finally {
      await store.close()
    }
  }
  expect(new Set(told.map(({ kind }) => kind))).toEqual(new Set(['unit', 'batch', 'blob']))
}, 120_000)
