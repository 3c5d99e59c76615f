import { auc, rank } from '../../src/evaluate/auc.ts'
import { trainGbdt } from '../../src/train/gbdt.ts'
import { predict } from '../../src/train/model.ts'
import { syntheticRows } from './gbdt-rows.ts'
import { startLightGbm, type LightGbm } from './lightgbm.ts'
import { atMost, type BenchLine } from './line.ts'
import { median } from './median.ts'
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
    unit: 'CPU s',
    peer: {
      name: PEER_NAME,
      value: median(duels.map(({ peer }) => peer.seconds)),
      ratio: median(ratios),
    },
    bound: atMost('ratio', 2),
    note: `ratios of five seeds: ${ratios.map((ratio) => ratio.toFixed(2)).join(' ')}`,
  }
}

function qualityLine(duels: readonly Duel[]): BenchLine {
  const differences = duels.map(({ ours, peer }) => (ours.auc - peer.auc).toFixed(4))
  return {
    name: `${NAME}, AUC`,
    ours: median(duels.map(({ ours }) => ours.auc)),
    unit: 'AUC',
    peer: { name: PEER_NAME, value: median(duels.map(({ peer }) => peer.auc)) },
    bound: atMost('difference', 0.002),
    note: `differences of five seeds: ${differences.join(' ')}`,
  }
}
