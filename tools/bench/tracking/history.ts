import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { atMost, type BenchLine } from '../line.ts'
import { median } from '../median.ts'
import { startGyre } from '../program.ts'
import { roundOver, type Round } from '../round.ts'
import { SEARCH_PATH } from './client.ts'
import { ctx, fillGyre, fillTracking, pastRuns, type Filling } from './past.ts'

const REPEATS = 5

/** Of one metric of one run, each at a step of its own. */
const POINTS = 10_000_000

/** MLflow's client logs so many in a request. */
const BATCH = 1_000

/** Runs of an experiment with many metrics, how many each of them has, and how many all have between them. */
const [RUNS, KEYS_OF_A_RUN, COLUMNS] = [1_000, 12, 12_000]

/** With many metrics a list may take so much longer than with few: the two are measured to about a tenth. */
const NO_SLOWER = 1.1

/** What long histories and many metrics cost those who read: medians, one client. Lists are compared by processor time, in which a tenth is no noise. */
export async function benchHistory(): Promise<BenchLine[]> {
  const folder = await mkdtemp(join(tmpdir(), 'gyre-bench-'))
  try {
    const data = join(folder, 'data')
    const asked = await fillTracking(data, fill)
    const gyre = await startGyre(data)
    try {
      const rounds: Record<keyof Asked, Round>[] = []
      for (let repeat = 0; repeat <= REPEATS; repeat++) {
        const round = {
          chart: await roundOver(gyre, asked.chart),
          list: await roundOver(gyre, asked.list),
          few: await roundOver(gyre, asked.few),
          many: await roundOver(gyre, asked.many),
          wide: await roundOver(gyre, asked.wide),
        }
        if (repeat > 0) rounds.push(round)
      }
      return linesOf(rounds)
    } finally {
      await gyre.stop()
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

type Plan = Parameters<typeof roundOver>[1]

/** What is asked of the folder. */
interface Asked {
  /** The metric of the run with a long history. */
  readonly chart: Plan
  /** The experiment that it is in. */
  readonly list: Plan
  /** Experiments whose runs have the same metrics, each its own, and all of them in one run. */
  readonly few: Plan
  readonly many: Plan
  readonly wide: Plan
}

async function fill(filling: Filling): Promise<Asked> {
  const of = (name: string, runs: number, keysOf: (run: number) => readonly string[]) =>
    fillGyre(filling, name, pastRuns(runs, keysOf))
  // Names as long as the many: longer ones cost more wherever they are.
  const few = await of('few', RUNS, () => keysFrom(COLUMNS, KEYS_OF_A_RUN))
  const many = await of('many', RUNS, (run) => keysFrom(run * KEYS_OF_A_RUN, KEYS_OF_A_RUN))
  const wide = await of('wide', 1, () => keysFrom(0, COLUMNS))
  const long = await of('long', PAGE - 1, () => ['loss'])
  const run = await logLong(filling, Number(long))
  return {
    chart: { ...ONE_CLIENT, bodies: [], path: chartPath(run) },
    list: listPlan(long),
    few: listPlan(few),
    many: listPlan(many),
    wide: listPlan(wide),
  }
}

const [PAGE, ONE_CLIENT] = [100, { connections: 1, requests: 40 }]

function keysFrom(first: number, count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => `metric_${first + i}`)
}

function listPlan(experiment: string): Plan {
  const body = { experiment_ids: [experiment], max_results: PAGE }
  return { ...ONE_CLIENT, path: SEARCH_PATH, bodies: [JSON.stringify(body)] }
}

/** As MLflow's own page of a chart asks. */
function chartPath(run: string): string {
  const query = new URLSearchParams({ run_ids: run, metric_key: 'loss', max_results: '2500' })
  return `/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?${query.toString()}`
}

async function logLong({ tracking }: Filling, experiment: number): Promise<string> {
  const startMs = Date.now()
  const run = { experiment, userId: 'ada', startMs, tags: [] }
  const { id } = await tracking.start(ctx, run)
  for (let step = 0; step < POINTS; step += BATCH) {
    const metrics = Array.from({ length: BATCH }, (_, i) => ({
      key: 'loss',
      value: Math.exp(-(step + i) / POINTS) + Math.random() / 10,
      step: step + i,
      atMs: startMs + step + i,
    }))
    await tracking.log(ctx, id, { metrics })
  }
  return id
}

function linesOf(rounds: readonly Record<keyof Asked, Round>[]): BenchLine[] {
  const p95 = (asked: keyof Asked) => median(rounds.map((round) => round[asked].p95Ms))
  const costs = (asked: keyof Asked) => rounds.map((round) => round[asked].cpuUs / 1_000)
  const slower = median(costs('many').map((ms, i) => ms / (costs('few')[i] ?? Number.NaN)))
  const few = `the same list with ${KEYS_OF_A_RUN}`
  return [
    {
      name: `chart of ${POINTS} points`,
      ours: p95('chart'),
      unit: 'ms, p95',
      bound: atMost('ours', 500),
    },
    {
      name: `list of ${PAGE} runs, one of ${POINTS} points`,
      ours: p95('list'),
      unit: 'ms, p95',
      bound: atMost('ours', 200),
    },
    {
      name: `list of ${PAGE} runs, ${COLUMNS} metrics between ${RUNS}`,
      ours: median(costs('many')),
      unit: 'ms CPU',
      peer: { name: few, value: median(costs('few')), ratio: slower },
      bound: atMost('ratio', NO_SLOWER),
    },
    {
      name: `list of a run with ${COLUMNS} metrics`,
      ours: median(costs('wide')),
      unit: 'ms CPU',
    },
  ]
}
