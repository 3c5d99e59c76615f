import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { atMost, type BenchLine } from '../line.ts'
import { median } from '../median.ts'
import { startGyre } from '../program.ts'
import { firstAnswer, startAnswering, WORKERS } from './mlflow.ts'

const REPEATS = 3

/** From the start of the program to its first answer: once over nothing, once over what that start has left. */
export async function benchStart(python: string | undefined): Promise<BenchLine[]> {
  const folder = await mkdtemp(join(tmpdir(), 'gyre-bench-'))
  try {
    const [fresh, again]: [Times[], Times[]] = [[], []]
    for (let repeat = 0; repeat <= REPEATS; repeat++) {
      const turn = join(folder, String(repeat))
      const times = [await timesIn(python, turn), await timesIn(python, turn)] as const
      if (repeat === 0) continue // the first fills the file cache
      fresh.push(times[0])
      again.push(times[1])
    }
    return [lineOf('fresh folder', fresh), lineOf('folder of a server before it', again)]
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

interface Times {
  readonly oursMs: number
  readonly theirs: readonly { readonly name: string; readonly ms: number }[]
}

async function timesIn(python: string | undefined, folder: string): Promise<Times> {
  const oursMs = await oursIn(join(folder, 'gyre'))
  const theirs: Times['theirs'][number][] = []
  for (const workers of python === undefined ? [] : WORKERS) {
    const own = join(folder, String(workers))
    await mkdir(own, { recursive: true })
    const mlflow = await startAnswering(python ?? '', own, workers)
    await mlflow.stop()
    theirs.push({ name: mlflow.name, ms: mlflow.readyMs })
  }
  return { oursMs, theirs }
}

async function oursIn(folder: string): Promise<number> {
  const startedMs = performance.now()
  const gyre = await startGyre(folder)
  await firstAnswer(gyre.port)
  const ms = performance.now() - startedMs
  await gyre.stop()
  return ms
}

function lineOf(title: string, times: readonly Times[]): BenchLine {
  const ours = median(times.map(({ oursMs }) => oursMs))
  const line = { name: `start to first answer, ${title}`, ours, unit: 'ms' }
  const [best] = (times[0]?.theirs ?? [])
    .map(({ name }, i) => ({ name, ms: times.map(({ theirs }) => theirs[i]?.ms ?? Number.NaN) }))
    .toSorted((a, b) => median(a.ms) - median(b.ms))
  if (!best) return line
  const ratio = median(times.map(({ oursMs }, i) => oursMs / (best.ms[i] ?? Number.NaN)))
  const peer = { name: best.name, value: median(best.ms), ratio }
  return { ...line, peer, bound: atMost('ratio', 0.2) }
}
