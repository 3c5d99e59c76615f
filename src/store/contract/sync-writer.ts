import { writeSync } from 'node:fs'
import { systemClock } from '../../core/clock.ts'
import { silentLog } from '../../core/log.ts'
import { openStore } from '../store.ts'
import { CRASH_STREAM } from './crash-stream.ts'

/** Says ASK before and ACK after one write of each kind, for a tracer to see what came between. */
const store = await openStore({
  folder: process.argv[2] ?? '',
  clock: systemClock,
  log: silentLog,
  config: { analyticsMemoryMb: 256 },
})
const stream = store.rows.stream('crash', CRASH_STREAM)
const append = () => stream.append([{ name: 'x', i: 0 }])
await append()

async function say(kind: string, work: () => Promise<unknown>): Promise<void> {
  writeSync(1, `ASK ${kind}\n`)
  await work()
  writeSync(1, `ACK ${kind}\n`)
}

const row = { name: 'x', holder: 'x', fence: 1, expires_at: 0 }
await say('unit', () => store.catalog.write((tx) => tx.insertInto('leases').values(row).execute()))
await say('batch', append)
await say('blob', () => store.blobs.put(Buffer.from('abc')))
await store.close()
