import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fillFolder } from './filled-folder.ts'
import { atMost, type BenchLine } from './line.ts'
import { startBareServer, startGyre, type Program } from './program.ts'
import { PAST } from './startup.ts'
import { trees } from './workload.ts'

/** V8 gives back what starting took, in some tenths of a second of work, only after half a minute of calm. */
const SETTLE_MS = 75_000

const WATCHED_MS = 20_000

/** Of one core, and of the resident sets of the server and its children. */
const [BOUND_PERCENT, BOUND_MB] = [1, 250]

/** What servers that nobody asks use: over a fresh folder, over a filled one, and a bare Node server, side by side. */
export async function benchIdle(): Promise<BenchLine[]> {
  const folder = await mkdtemp(join(tmpdir(), 'gyre-bench-'))
  const programs: Program[] = []
  try {
    const filled = join(folder, 'filled')
    await fillFolder(filled, trees(), PAST)
    for (const start of [
      () => startGyre(join(folder, 'fresh')),
      () => startGyre(filled),
      startBareServer,
    ])
      programs.push(await start())
    await delay(SETTLE_MS)
    const [fresh = NOTHING, used = NOTHING, bare = NOTHING] = await Promise.all(programs.map(watch))
    const title = `folder of ${PAST.predictions} predictions`
    return [...linesOf('fresh folder', fresh, bare), ...linesOf(title, used, bare)]
  } finally {
    await Promise.all(programs.map((program) => program.stop()))
    await rm(folder, { recursive: true, force: true })
  }
}

interface Idling {
  readonly percent: number
  readonly megabytes: number
  readonly processes: number
}

const NOTHING: Idling = { percent: Number.NaN, megabytes: Number.NaN, processes: 0 }

async function watch(program: Program): Promise<Idling> {
  const [before, started] = [await program.usage(), performance.now()]
  await delay(WATCHED_MS)
  const [after, ended] = [await program.usage(), performance.now()]
  return {
    percent: (after.cpuUs - before.cpuUs) / (ended - started) / 10, // µs of CPU a ms: 1,000 is a core
    megabytes: after.rssBytes / 1e6,
    processes: after.processes,
  }
}

const BARE = 'a bare Node server'

function linesOf(title: string, ours: Idling, bare: Idling): BenchLine[] {
  const note = `${ours.processes} processes`
  return [
    {
      name: `idle, ${title}`,
      ours: ours.percent,
      unit: '% of a core',
      peer: { name: BARE, value: bare.percent },
      bound: atMost('ours', BOUND_PERCENT),
      note,
    },
    {
      name: `idle, ${title}`,
      ours: ours.megabytes,
      unit: 'MB resident',
      peer: { name: BARE, value: bare.megabytes },
      bound: atMost('ours', BOUND_MB),
      note,
    },
  ]
}
