import type { Frame } from '@gyre/sdk'
import { expect, test } from 'vitest'
import { fakeClock } from '../core/clock.ts'
import { seededRandom } from '../core/random.ts'
import { createTrainer, type Trainer } from './train.ts'
import { createTrainingKeeper } from './training-keeper.ts'

const ROWS = 400

const FRAME: Frame = frameOf(7)

/** Two numbers, one of them missing at times, and a label that follows them with noise. */
function frameOf(seed: number): Frame {
  const random = seededRandom(seed)
  const [first, second] = [new Float32Array(ROWS), new Float32Array(ROWS)]
  const label = new Uint8Array(ROWS)
  for (let row = 0; row < ROWS; row++) {
    first[row] = random() < 0.1 ? Number.NaN : random()
    second[row] = random()
    label[row] = Number((first[row] || 0.5) + (second[row] ?? 0) + random() > 1.5)
  }
  const at = '2026-01-01T00:00:00.000Z'
  return {
    set: {
      digest: `sha256:${'0'.repeat(64)}`,
      rows: ROWS,
      from: at,
      until: at,
      label: 'label',
      at: 'at',
      subject: 'row',
      inputs: [],
    },
    rows: ROWS,
    label,
    at: new Float64Array(ROWS),
    inputs: [
      { kind: 'number', name: 'first', values: first },
      { kind: 'number', name: 'second', values: second },
    ],
  }
}

const DRAWN = { rounds: 30, maxLeaves: 5, rowShare: 0.6, featureShare: 0.5 } as const

const serving = { fields: {}, code: null }

interface Disk {
  bytes: Uint8Array | undefined
  readonly saved: number[]
}

/** The trainers of one attempt, which saves after every round, and dies instead of its `dies`th saving. */
function attempt(disk: Disk, dies = Number.POSITIVE_INFINITY): Trainer {
  let savings = 0
  return createTrainer(
    7,
    createTrainingKeeper({
      clock: fakeClock(),
      signal: new AbortController().signal,
      checkpoints: {
        everyMs: 0,
        resumed: disk.bytes,
        async save(rounds, bytes) {
          savings += 1
          if (savings === dies) throw new Error('killed')
          disk.bytes = bytes
          disk.saved.push(rounds)
          return true
        },
      },
    }),
  )
}

const untouched = (): Trainer =>
  createTrainer(
    7,
    createTrainingKeeper({
      clock: fakeClock(),
      signal: new AbortController().signal,
      checkpoints: undefined,
    }),
  )

const modelOf = async (
  trainer: Trainer,
  train: (trainer: Trainer) => ReturnType<Trainer['gradientBoosting']>,
) => trainer.filesOf(await train(trainer), serving)

test.each([
  ['trees on drawn rows and features', (t: Trainer) => t.gradientBoosting(FRAME, DRAWN), 6],
  ['trees', (t: Trainer) => t.gradientBoosting(FRAME, { rounds: 30 }), 6],
  ['weights', (t: Trainer) => t.logisticRegression(FRAME, { l2: 0.5 }), 2],
] as const)(
  'a training that died five times learns the same %s, bit by bit',
  async (_what, train, each) => {
    const disk: Disk = { bytes: undefined, saved: [] }
    for (let kill = 0; kill < 5; kill++)
      await train(attempt(disk, each)).then(
        () => undefined,
        (thrown: unknown) => expect(thrown).toMatchObject({ message: 'killed' }),
      )
    expect(await modelOf(attempt(disk), train)).toEqual(await modelOf(untouched(), train))
    // Every round was learned once: what is saved only ever grows by one.
    expect(disk.saved).toEqual(disk.saved.map((_, at) => at + 1))
    expect(disk.saved.length).toBeGreaterThan(each)
  },
)

async function both(trainer: Trainer) {
  await trainer.gradientBoosting(FRAME, { rounds: 5 })
  return trainer.gradientBoosting(FRAME, { rounds: 9, maxLeaves: 3 })
}

test('of two trainings in a step the one that was done is not done again', async () => {
  const disk: Disk = { bytes: undefined, saved: [] }
  await expect(both(attempt(disk, 8))).rejects.toThrow('killed')
  expect(disk.saved).toEqual([1, 2, 3, 4, 5, 6, 7])
  expect(await modelOf(attempt(disk), both)).toEqual(await modelOf(untouched(), both))
  expect(disk.saved).toEqual(Array.from({ length: 14 }, (_, at) => at + 1))
})

test('a training on other rows, or by other options, does not go on from it', async () => {
  const disk: Disk = { bytes: undefined, saved: [] }
  await expect(attempt(disk, 6).gradientBoosting(FRAME, DRAWN)).rejects.toThrow('killed')
  const other = (t: Trainer) => t.gradientBoosting(frameOf(8), DRAWN)
  const slower = (t: Trainer) => t.gradientBoosting(FRAME, { ...DRAWN, learningRate: 0.05 })
  for (const train of [other, slower])
    expect(await modelOf(attempt({ ...disk }), train)).toEqual(await modelOf(untouched(), train))
})

test('a training that is told to end saves what it has, and says how far it was', async () => {
  const told = new AbortController()
  told.abort()
  const saved: number[] = []
  const keeper = createTrainingKeeper({
    clock: fakeClock(),
    signal: told.signal,
    checkpoints: {
      everyMs: 60_000,
      resumed: undefined,
      async save(rounds) {
        saved.push(rounds)
        return true
      },
    },
  })
  await expect(createTrainer(7, keeper).gradientBoosting(FRAME)).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: 'gradient-boosting was told to end after 1 rounds',
  })
  expect(saved).toEqual([1])
})

test('between two savings there is at least the time that was asked for', async () => {
  const clock = fakeClock()
  const saved: number[] = []
  const keeper = createTrainingKeeper({
    clock: { monotonicMs: () => (clock.advance(1_000), clock.monotonicMs()) },
    signal: new AbortController().signal,
    checkpoints: {
      everyMs: 30_000,
      resumed: undefined,
      async save(rounds) {
        saved.push(rounds)
        return true
      },
    },
  })
  await createTrainer(7, keeper).gradientBoosting(FRAME, { rounds: 100 })
  expect(saved.length).toBe(3)
})
