import { systemClock } from '../../core/clock.ts'
import { silentLog } from '../../core/log.ts'
import { openStore } from '../store.ts'
import { CRASH_STREAM } from './crash-stream.ts'

export type Ack = { readonly kind: 'unit' | 'batch' | 'blob'; readonly name: string }

/** A process that writes to every part of a store as fast as it is answered, tells each answer, and is killed. */
const [folder = '', round = ''] = process.argv.slice(2)
const ctx = { project: 'default', actor: 'local', requestId: round }
const store = await openStore({
  folder,
  clock: systemClock,
  log: silentLog,
  config: { analyticsMemoryMb: 256 },
})
const stream = store.rows.stream('crash', CRASH_STREAM)

async function writeUnit(name: string): Promise<void> {
  await store.catalog.write(async (tx) => {
    for (const half of ['a', 'b'])
      await tx
        .insertInto('leases')
        .values({ name: `${name}-${half}`, holder: 'x', fence: 1, expires_at: 0 })
        .execute()
    const subject = { kind: 'unit', id: name }
    await store.events.append(tx, ctx, { type: 'unit.written', subject, data: {} })
  })
}

const work: Record<Ack['kind'], (name: string) => Promise<unknown>> = {
  unit: writeUnit,
  batch: (name) => stream.append([0, 1, 2].map((i) => ({ name, i }))),
  blob: (name) => store.blobs.put(Buffer.from(name)),
}

async function loop(kind: Ack['kind'], writer: number): Promise<never> {
  for (let n = 0; ; n++) {
    const name = `${round}.${writer}.${n}`
    await work[kind](name)
    process.send?.({ kind, name } satisfies Ack)
  }
}

const KINDS = ['unit', 'batch', 'blob'] as const
await Promise.all(KINDS.flatMap((kind) => [0, 1, 2, 3].map((writer) => loop(kind, writer))))
