import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fillFolder } from './filled-folder.ts'
import { atMost, type BenchLine } from './line.ts'
import { median } from './median.ts'
import { startBareServer, startGyre, type Program } from './program.ts'
import { trees } from './workload.ts'

const REPEATS = 5

/** What `gyre up` promises, once built. */
const READY_MS = 2_000

/** Half a year of traffic at an endpoint that gets a request a minute. */
export const PAST = { predictions: 200_000, runs: 200 }

/**
 * From spawn to the line that says the server is ready, over a fresh folder and over one with a model to
 * load, features to restore and a past; a bare Node server takes its turn. Medians of five.
 */
export async function benchStartup(): Promise<BenchLine[]> {
  const folder = await mkdtemp(join(tmpdir(), 'gyre-bench-'))
  try {
    const filled = join(folder, 'filled')
    await fillFolder(filled, trees(), PAST)
    const times: { readonly fresh: number; readonly filled: number; readonly bare: number }[] = []
    for (let repeat = 0; repeat <= REPEATS; repeat++) {
      const time = {
        fresh: await readyMs(startGyre(join(folder, `fresh${repeat}`))),
        filled: await readyMs(startGyre(filled)),
        bare: await readyMs(startBareServer()),
      }
      if (repeat > 0) times.push(time) // the first fills the file cache
    }
    const bare = median(times.map((time) => time.bare))
    const line = (name: string, key: 'fresh' | 'filled'): BenchLine => ({
      name: `gyre up to ready, ${name}`,
      ours: median(times.map((time) => time[key])),
      unit: 'ms',
      peer: { name: 'a bare Node server', value: bare },
      bound: atMost('ours', READY_MS),
    })
    return [
      line('fresh folder', 'fresh'),
      line(`folder of ${PAST.predictions} predictions`, 'filled'),
    ]
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function readyMs(starting: Promise<Program>): Promise<number> {
  const program = await starting
  await program.stop()
  return program.readyMs
}
