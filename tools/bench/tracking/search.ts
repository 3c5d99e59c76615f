import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { atLeast, atMost, type BenchLine, type Bound } from '../line.ts'
import { median } from '../median.ts'
import { startGyre, type Program } from '../program.ts'
import { answersWithin, SEARCH_PATH } from './client.ts'
import { fillMlflow, startMlflows, type Mlflow } from './mlflow.ts'
import { fillGyre, fillTracking, pastRuns } from './past.ts'
import { rateLine, takeTurns, type Turn } from './turns.ts'

const REPEATS = 3

/** Of the largest every search is bounded, to so many ms at 95 of 100 requests. */
const [SIZES, P95_MS] = [[10_000, 100_000], 150]

/** Requests of a round. MLflow takes seconds for one that sorts. */
const [OURS, THEIRS] = [100, 1]

/** MLflow's server sorts 100,000 runs by a metric for more than ten minutes. */
const CAP_MS = 60_000

interface Search {
  readonly name: string
  readonly query: object
  readonly bound?: Bound
}

/** The one that MLflow may be cut off at comes last: its server goes on with it. */
const SEARCHES: readonly Search[] = [
  { name: 'newest first', query: {} },
  {
    name: 'with a filter that one run in 500 passes',
    query: { filter: "metrics.auc > 0.99 AND params.lr = '0.01'" },
    bound: atLeast('ratio', 5),
  },
  {
    name: 'sorted by a metric',
    query: { order_by: ['metrics.auc DESC'] },
    bound: atLeast('ratio', 20),
  },
]

/** One client searches finished runs, the same on both sides, a page of 100 as MLflow's own list asks for. */
export async function benchSearch(python: string | undefined): Promise<BenchLine[]> {
  const lines: BenchLine[] = []
  for (const size of SIZES) lines.push(...(await benchSize(python, size)))
  return lines
}

async function benchSize(python: string | undefined, size: number): Promise<BenchLine[]> {
  const folder = await mkdtemp(join(tmpdir(), 'gyre-bench-'))
  const programs: Program[] = []
  try {
    const data = join(folder, 'gyre')
    const ours = await fillTracking(data, (filling) => fillGyre(filling, 'past', pastRuns(size)))
    const gyre = await startGyre(data)
    programs.push(gyre)
    const peers = await startMlflows(python, folder)
    programs.push(...peers)
    const theirs = python ? await fillMlflow(python, folder, pastRuns(size)) : ''
    const lines: BenchLine[] = []
    for (const search of SEARCHES) {
      const askFor = (experiment: string) =>
        JSON.stringify({ experiment_ids: [experiment], max_results: 100, ...search.query })
      const cut = await findSlow(peers, askFor(theirs))
      const turns = await takeTurns(gyre, cut ? [] : peers, REPEATS, async (_program, isPeer) => ({
        path: SEARCH_PATH,
        connections: 1,
        requests: isPeer ? THEIRS : OURS,
        bodies: [askFor(isPeer ? theirs : ours)],
      }))
      const { name, bound } = search
      const told = { name: `${size} runs, ${name}`, unit: 'searches/s', ...(bound && { bound }) }
      lines.push(cut ? cutLine(turns, told, cut) : rateLine(turns, told))
      if (size === SIZES.at(-1)) lines.push(p95Line(turns, told.name))
    }
    return lines
  } finally {
    for (const program of programs) await program.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

/** The setting of MLflow whose answer takes too long to be waited for. Workers do not share a search. */
async function findSlow(peers: readonly Mlflow[], body: string): Promise<Mlflow | undefined> {
  const [first] = peers
  return first && !(await answersWithin(first.port, body, CAP_MS)) ? first : undefined
}

function cutLine(
  turns: readonly Turn[],
  told: Omit<BenchLine, 'ours'>,
  { name }: Mlflow,
): BenchLine {
  const peer = { name, value: 1_000 / CAP_MS }
  const note = `MLflow’s one search was cut off after ${CAP_MS / 1_000} s: the ratio is this or more`
  return { ...rateLine(turns, told), peer, note }
}

function p95Line(turns: readonly Turn[], name: string): BenchLine {
  const ours = median(turns.map((turn) => turn.ours.p95Ms))
  return { name, ours, unit: 'ms, p95', bound: atMost('ours', P95_MS) }
}
