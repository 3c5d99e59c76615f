import { systemClock } from '../core/clock.ts'
import { silentLog } from '../core/log.ts'
import { openStore } from '../store/store.ts'
import { ctx, predictionsOf } from './fixture.ts'

/** Sends feedback without end, four batches at a time, and prints the ids of each batch once it is accepted. */
const store = await openStore({
  folder: process.argv[2] ?? '',
  clock: systemClock,
  log: silentLog,
  config: { analyticsMemoryMb: 128 },
})
const predictions = predictionsOf(store, systemClock)

async function send(sender: number): Promise<never> {
  for (let batch = 0; ; batch++) {
    const ids = Array.from({ length: 20 }, (_, i) => `p_${sender}-${batch}-${i}`)
    await predictions.feedback(
      ctx,
      ids.map((id) => ({ prediction_id: id, label: 1 })),
    )
    process.stdout.write(`${ids.join(' ')}\n`)
  }
}

await Promise.all([0, 1, 2, 3].map(send))
