import { quantile, sortedFinite } from '../../src/core/quantile.ts'
import { auc, rank } from '../../src/evaluate/auc.ts'
import { trainGbdt } from '../../src/train/gbdt.ts'
import { predict } from '../../src/train/model.ts'
import { syntheticRows } from './gbdt-rows.ts'
import { startLightGbm, type LightGbm } from './lightgbm.ts'
import type { BenchLine } from './line.ts'
import { ensureVenv } from './python.ts'

const [TRAIN_ROWS, TEST_ROWS, ROUNDS] = [200_000, 50_000, 100]
const SEEDS = [1, 2, 3, 4, 5]
const PACKAGES = ['lightgbm==4.6.0', 'numpy==2.2.6', 'scipy==1.15.3']

/**
 * Processor time of training (binning and 100 rounds of 31 leaves) and quality on unseen rows. The two
 * trainers take turns on the same tables; without Python the list is empty and the reason is printed.
 */
export async function benchGbdt(): Promise<BenchLine[]> {
  const python = await ensureVenv(PACKAGES, 'gradient boosting against LightGBM')
  if (python === undefined) return []
  const peer = await startLightGbm(python)
  try {
    const duels: Duel[] = []
    for (const seed of SEEDS) duels.push(await duel(seed, peer))
    return [timeLine(duels), qualityLine(duels)]
  } finally {
    await peer.close()
  }
}

interface Duel {
  readonly ours: Outcome
  readonly peer: Outcome
}

interface Outcome {
  readonly seconds: number
  readonly auc: number
}

async function duel(seed: number, peer: LightGbm): Promise<Duel> {
  const train = syntheticRows(TRAIN_ROWS, seed)
  const test = syntheticRows(TEST_ROWS, seed + 1000)
  const started = process.cpuUsage()
  const model = trainGbdt({ train, options: { rounds: ROUNDS } })
  const { user, system } = process.cpuUsage(started)
  const theirs = await peer.fit(train, test, ROUNDS)
  return {
    ours: {
      seconds: (user + system) / 1e6,
      auc: auc(rank(predict(model, test.matrix)), test.labels) ?? NaN,
    },
    peer: { seconds: theirs.seconds, auc: auc(rank(theirs.scores), test.labels) ?? NaN },
  }
}

const NAME = 'gradient boosting 200k × 10'
const PEER_NAME = 'LightGBM 4.6.0, one thread'

function timeLine(duels: readonly Duel[]): BenchLine {
  const ratios = duels.map(({ ours, peer }) => ours.seconds / peer.seconds)
  return {
    name: `${NAME}, time`,
    ours: median(duels.map(({ ours }) => ours.seconds)),
    peer: median(duels.map(({ peer }) => peer.seconds)),
    peerName: PEER_NAME,
    ratio: median(ratios),
    unit: 'CPU s',
    bound: 'ratio ≤ 2',
    note: `median of five seeds: ${ratios.map((ratio) => ratio.toFixed(2)).join(' ')}`,
  }
}

function qualityLine(duels: readonly Duel[]): BenchLine {
  const [ours, peer] = [
    median(duels.map((each) => each.ours.auc)),
    median(duels.map((each) => each.peer.auc)),
  ]
  const differences = duels.map((each) => (each.ours.auc - each.peer.auc).toFixed(4))
  return {
    name: `${NAME}, AUC`,
    ours,
    peer,
    peerName: PEER_NAME,
    ratio: ours / peer,
    unit: 'AUC',
    bound: 'difference ≤ 0.002',
    note: `differences of five seeds: ${differences.join(' ')}`,
  }
}

function median(values: readonly number[]): number {
  return quantile(sortedFinite(values), 0.5)
}
