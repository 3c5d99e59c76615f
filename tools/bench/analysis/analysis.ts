import { clopperPearson } from '../../../src/evaluate/interval.ts'
import { atMost, type BenchLine } from '../line.ts'
import { median } from '../median.ts'
import { simulate, type Ended, type World } from './simulate.ts'

/** So many that 5 % is told from 2.5 %: 95 % intervals are ± 1.3 points wide there. */
const RUNS = 600
const REQUESTS = 40_000

/** Promised: false alarms, and bad versions let through, in at most 1 of 20 releases. */
const PROMISE = 0.05

interface Cell {
  readonly name: string
  readonly world: World
  readonly plan: object
}

/** Can never pass: how often it fails is asked over the whole time. */
const ENDLESS = { weightBp: 1000, ceiling: 1e-9, margin: 1 }
const TENTH = { weightBp: 1000 }
const STAGED = { stages: [{ weightBp: 1000 }, { weightBp: 5000 }] }
const HEAVY = { count: 5_000, failing: 0.01, heaviness: 10 }

const errors = (stable: number, canary: number): World => ({
  rates: { errors: { stable, canary } },
})

const EQUAL: readonly Cell[] = [
  ...[0.002, 0.01, 0.05].flatMap((share) => [
    { name: `equal, ${percent(share)} errors`, world: errors(share, share), plan: ENDLESS },
    {
      name: `equal, ${percent(share)} errors, 1 % of subjects always fail, 10 times as heavy`,
      world: { ...errors(share, share), subjects: HEAVY },
      plan: ENDLESS,
    },
  ]),
  {
    name: 'equal, 1 % errors and 5 % slow, two metrics',
    world: {
      rates: { errors: { stable: 0.01, canary: 0.01 }, slow: { stable: 0.05, canary: 0.05 } },
    },
    plan: { ...ENDLESS, slowMs: 50, slowCeiling: 1e-9 },
  },
  { name: 'equal, 1 % errors, 10 then 50 %', world: errors(0.01, 0.01), plan: STAGED },
]

const AT_MARGIN: readonly Cell[] = [
  { name: 'at the margin, 1 against 1.5 %', world: errors(0.01, 0.015), plan: TENTH },
  { name: 'at the margin, 5 against 7.5 %', world: errors(0.05, 0.075), plan: TENTH },
  { name: 'at margin and ceiling, 0.67 against 1 %', world: errors(0.02 / 3, 0.01), plan: TENTH },
]

const WORSE: readonly Cell[] = [2, 3, 10].map((ratio) => ({
  name: `${ratio} times 1 % errors`,
  world: errors(0.01, 0.01 * ratio),
  plan: TENTH,
}))

/** What the analysis of canaries promises, by simulated releases looked at every 200 requests. */
export async function benchAnalysis(): Promise<BenchLine[]> {
  return [
    ...EQUAL.map((cell) => rate(cell, 'false rollbacks', 'taken back')),
    ...AT_MARGIN.map((cell) => rate(cell, 'false passes', 'promoted')),
    ...WORSE.flatMap((cell) => delays(cell)),
  ]
}

function rate(cell: Cell, what: string, end: Ended['end']): BenchLine {
  const ended = runAll(cell)
  const hits = ended.filter((one) => one.end === end).length
  const naive = ended.filter(({ byRepeatedTest }) => byRepeatedTest).length
  return {
    name: `${what}: ${cell.name}`,
    ours: hits / RUNS,
    unit: 'share of releases',
    bound: atMost('ours', PROMISE),
    note: intervalText(hits),
    ...(end === 'taken back' && { peer: { name: 'repeated z-test', value: naive / RUNS } }),
  }
}

function delays(cell: Cell): BenchLine[] {
  const ended = runAll(cell)
  const found = ended.filter(({ end }) => end === 'taken back')
  return [
    {
      name: `found: ${cell.name}`,
      ours: found.length / RUNS,
      unit: 'share of releases',
      note: intervalText(found.length),
    },
    {
      name: `delay: ${cell.name}`,
      ours: median(found.map(({ canaryRequests }) => canaryRequests)),
      unit: 'canary requests, median',
    },
  ]
}

function runAll({ world, plan }: Cell): Ended[] {
  return Array.from({ length: RUNS }, (_, seed) => simulate(world, plan, REQUESTS, seed))
}

function intervalText(hits: number): string {
  const { lower, upper } = clopperPearson(hits, RUNS) ?? { lower: 0, upper: 1 }
  return `${hits} of ${RUNS}; 95 % interval ${lower.toFixed(3)} to ${upper.toFixed(3)}`
}

function percent(share: number): string {
  return `${share * 100} %`
}
