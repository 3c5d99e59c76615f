import { StudySpec } from '@gyre/sdk/wire/study'
import { seededRandom } from '../../src/core/random.ts'
import { quantile, sortedFinite } from '../../src/core/quantile.ts'
import { quantileInterval } from '../../src/core/quantile-interval.ts'
import { OBJECTIVES, type Objective } from '../../src/studies/search/fixture.ts'
import { randomSampler } from '../../src/studies/search/random.ts'
import type { Trial } from '../../src/studies/search/sampler.ts'
import { compileSpace } from '../../src/studies/search/space.ts'
import { tpeSampler } from '../../src/studies/search/tpe.ts'
import { searcherOf } from '../../src/studies/searcher.ts'
import type { TrialRow } from '../../src/studies/trial-row.ts'
import { atMost, type BenchLine } from './line.ts'
import { median } from './median.ts'
import { startOptuna, type Optuna } from './optuna.ts'
import { ensureVenv } from './python.ts'

/** With 40 seeds the median of Rosenbrock5 moved by 0.6 from one set of seeds to the next. */
const [SEEDS, TRIALS] = [100, 100]

/** How many trials there are when a suggestion is timed, and how many are. */
const [MANY, SUGGESTIONS] = [1000, 40]

const PACKAGES = ['optuna==5.0.0']
const PEER_NAME = 'Optuna 5.0.0, TPESampler'

/**
 * The best of 100 trials on five standard functions, and what a suggestion costs; both samplers in this run, by
 * turns. Without Python only the suggestion is measured, and the reason is printed.
 */
export async function benchSearch(): Promise<BenchLine[]> {
  const python = await ensureVenv(PACKAGES, 'search against Optuna')
  if (python === undefined) return [suggestionLine(undefined)]
  const peer = startOptuna(python)
  try {
    const lines: BenchLine[] = []
    for (const [name, objective] of Object.entries(OBJECTIVES))
      lines.push(qualityLine(name, await duel(objective, peer)))
    const held = lines.filter(({ ours, peer: theirs }) => ours <= (theirs?.value ?? Number.NaN))
    return [...lines, betterLine(held.length), suggestionLine(await peerSuggestionMs(peer))]
  } finally {
    peer.close()
  }
}

/** What a suggestion costs, by itself. */
export async function benchSuggestion(): Promise<BenchLine> {
  const python = await ensureVenv(PACKAGES, 'a suggestion against Optuna')
  if (python === undefined) return suggestionLine(undefined)
  const peer = startOptuna(python)
  try {
    return suggestionLine(await peerSuggestionMs(peer))
  } finally {
    peer.close()
  }
}

interface Duel {
  /** The best of each seed. */
  readonly ours: readonly number[]
  readonly peer: readonly number[]
}

async function duel(objective: Objective, peer: Optuna): Promise<Duel> {
  const [ours, theirs]: [number[], number[]] = [[], []]
  for (let seed = 0; seed < SEEDS; seed++) {
    ours.push(bestOfOurs(objective, seed))
    theirs.push(await bestOfPeer(objective, seed, peer))
  }
  return { ours, peer: theirs }
}

/** As the server asks for trials that run one at a time. */
function bestOfOurs({ space, at }: Objective, seed: number): number {
  const spec = StudySpec.parse({ name: 'bench', over: space, trials: TRIALS, seed })
  const searcher = searcherOf(spec)
  const trials: TrialRow[] = []
  for (let number = 0; number < TRIALS; number++) {
    const params = searcher.suggest(trials, number)
    const told = { state: 'finished', fence: 0, value: at(params), step: undefined } as const
    trials.push({ number, run: '', params, ...told })
  }
  return Math.min(...trials.map(({ value }) => value ?? Number.NaN))
}

async function bestOfPeer({ space, at }: Objective, seed: number, peer: Optuna): Promise<number> {
  await peer.begin(space, seed)
  let best = Number.POSITIVE_INFINITY
  for (let number = 0; number < TRIALS; number++) {
    const { params } = await peer.ask()
    const loss = at(params)
    best = Math.min(best, loss)
    await peer.tell(loss)
  }
  return best
}

/** Promised: our median is no worse than three of four of the peer's seeds. */
function qualityLine(name: string, { ours, peer }: Duel): BenchLine {
  const limit = quantile(sortedFinite(peer), 0.75)
  return {
    name: `best of ${TRIALS} trials, ${name}`,
    ours: median(ours),
    unit: `median of ${SEEDS} seeds`,
    peer: { name: PEER_NAME, value: median(peer) },
    bound: atMost('ours', Number(limit.toPrecision(5))),
    note: `${spread(ours)}; peer's ${spread(peer)}`,
  }
}

/** `median 95 % 4.9 to 5.6, quartiles 4.4 to 6.1`. */
function spread(values: readonly number[]): string {
  const median95 = quantileInterval(sortedFinite(values), 0.5)
  const ends = median95 ? [median95.lower, median95.upper] : []
  return `median 95 % ${ends.map((end) => end.toPrecision(4)).join(' to ')}, quartiles ${quartiles(values)}`
}

function quartiles(values: readonly number[]): string {
  const sorted = sortedFinite(values)
  return `${quantile(sorted, 0.25).toPrecision(4)} to ${quantile(sorted, 0.75).toPrecision(4)}`
}

function betterLine(functions: number): BenchLine {
  return {
    name: "functions where our median is at most the peer's",
    ours: functions,
    unit: `of ${Object.keys(OBJECTIVES).length}`,
    bound: { of: 'ours', kind: 'at least', limit: 3 },
  }
}

function suggestionLine(peerMs: number | undefined): BenchLine {
  return {
    name: `a suggestion after ${MANY} trials of 5 parameters`,
    ours: ourSuggestionMs(),
    unit: 'CPU ms',
    ...(peerMs === undefined ? {} : { peer: { name: PEER_NAME, value: peerMs } }),
    bound: atMost('ours', 5),
  }
}

function ourSuggestionMs(): number {
  const { space, at } = OBJECTIVES.ackley5
  const axes = compileSpace(space)
  const random = seededRandom(1)
  const drawn = Array.from({ length: MANY }, (_, number): Trial => {
    const params = randomSampler(axes)([], random)
    return { number, params, state: 'finished', loss: at(params) }
  })
  const sampler = tpeSampler(axes)
  for (let i = 0; i < SUGGESTIONS; i++) sampler(drawn, random)
  const started = process.cpuUsage()
  for (let i = 0; i < SUGGESTIONS; i++) sampler(drawn, random)
  const { user, system } = process.cpuUsage(started)
  return (user + system) / 1000 / SUGGESTIONS
}

async function peerSuggestionMs(peer: Optuna): Promise<number> {
  const { space, at } = OBJECTIVES.ackley5
  await peer.begin(space, 1)
  const told: number[] = []
  for (let number = 0; number < MANY; number++) {
    const { params, ms } = await peer.ask()
    told.push(ms)
    await peer.tell(at(params))
  }
  return median(told.slice(-SUGGESTIONS))
}
