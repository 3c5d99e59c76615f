import { describe, expect, test } from 'vitest'
import { seededRandom } from '../core/random.ts'
import { exportOnnx } from './export-onnx.ts'
import { scoreGbdt, trainGbdt, type GbdtModel } from './gbdt.ts'
import { logLossOfScores } from './logistic.ts'
import { matrixOf, type LabelledRows } from './matrix.ts'
import { predict } from './model.ts'
import { LEAF, type Tree } from './tree.ts'

const one = matrixOf(['a'], [Float32Array.of(1, 2, 3, 4)])
const labels = Uint8Array.of(0, 1, 0, 1)

describe('input that does not fit is refused by name', () => {
  test.each([
    ['no column', () => matrixOf([], []), /^columns: expected at least one/],
    [
      'a name too many',
      () => matrixOf(['a', 'b'], [Float32Array.of(1)]),
      /^names: expected 1 names/,
    ],
    [
      'a name twice',
      () => matrixOf(['a', 'a'], twoColumns(1, 1)),
      /^names\[1\]: expected a only once/,
    ],
    ['an empty name', () => matrixOf(['a', ''], twoColumns(1, 1)), /^names\[1\]: expected a name/],
    [
      'unequal columns',
      () => matrixOf(['a', 'b'], twoColumns(1, 2)),
      /^columns\.b: expected 1 rows, not 2/,
    ],
    ['no rows', () => fit({ matrix: matrixOf(['a'], [new Float32Array()]), labels }), /^rows: /],
    [
      'labels missing',
      () => fit({ matrix: one, labels: Uint8Array.of(0, 1) }),
      /^labels: expected 4 values/,
    ],
    [
      'a label of 2',
      () => fit({ matrix: one, labels: Uint8Array.of(0, 1, 2, 0) }),
      /^labels\[2\]: expected 0 or 1, not 2/,
    ],
    [
      'a label of NaN',
      () => fit({ matrix: one, labels: Float32Array.of(0, 1, 1, NaN) }),
      /^labels\[3\]: /,
    ],
    [
      'one class',
      () => fit({ matrix: one, labels: new Uint8Array(4).fill(1) }),
      /^labels: expected both classes, but all 4 are 1/,
    ],
    ['no rounds', () => fit({ matrix: one, labels }, { rounds: 0 }), /^options\.rounds: /],
    [
      'a rate of 0',
      () => fit({ matrix: one, labels }, { learningRate: 0 }),
      /^options\.learningRate: /,
    ],
    ['256 bins', () => fit({ matrix: one, labels }, { maxBins: 256 }), /^options\.maxBins: /],
    ['NaN as a penalty', () => fit({ matrix: one, labels }, { l2: NaN }), /^options\.l2: /],
    [
      'an unknown option',
      () => fit({ matrix: one, labels }, JSON.parse('{"depth":3}')),
      /^options: .*depth/,
    ],
    [
      'other features to predict from',
      () => predict(fit({ matrix: one, labels }), matrixOf(['b'], [Float32Array.of(1)])),
      /^names\[0\]: expected a, not b/,
    ],
  ])('%s', (_, act, message) => {
    expect(act).toThrow(message)
    expect(act).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  })
})

test('one round on four rows is the Newton step worked out by hand', () => {
  const model = fit(
    { matrix: one, labels: Uint8Array.of(0, 0, 1, 1) },
    {
      rounds: 1,
      minRowsPerLeaf: 1,
      minHessianPerLeaf: 0,
      maxLeaves: 2,
      learningRate: 0.5,
      l2: 1,
    },
  )
  // Prior 0: slopes ±½, hessians ¼. Left: −0.5 · (½ + ½) / (½ + 1) = −⅓. Gain: 2 · 1 / 1.5 − 0.
  const [tree] = model.trees
  expect(tree?.thresholds[0]).toBe(2.5)
  expect([...(tree?.values ?? [])]).toEqual([0, Math.fround(-1 / 3), Math.fround(1 / 3)])
  expect(tree?.gains[0]).toBeCloseTo(4 / 3, 12)
})

test('features that never vary give a model of the share of ones, without trees', () => {
  const matrix = matrixOf(
    ['same', 'none'],
    [new Float32Array(4).fill(3), new Float32Array(4).fill(NaN)],
  )
  for (const rowShare of [1, 0.5]) {
    const model = fit({ matrix, labels: Uint8Array.of(0, 0, 0, 1) }, { rowShare })
    expect(model.trees).toEqual([])
    expect(predict(model, matrix)[2]).toBeCloseTo(0.25, 12)
  }
})

test('that a value is missing can be all there is to learn', () => {
  const a = Float32Array.from({ length: 200 }, (_, row) => (row % 2 === 0 ? NaN : 5))
  const answers = Uint8Array.from({ length: 200 }, (_, row) => Number(row % 2 === 0))
  const matrix = matrixOf(['a'], [a])
  const [missing = 0, present = 1] = predict(fit({ matrix, labels: answers }), matrix)
  expect(missing).toBeGreaterThan(0.99)
  expect(present).toBeLessThan(0.01)
})

test('an exclusive or, which no single split helps, is learned', () => {
  const train = table(4000, 11, (x, y) => Number(x > 0 !== y > 0))
  const probabilities = predict(fit(train), train.matrix)
  const right = probabilities.filter((p, row) => p > 0.5 === (train.labels[row] === 1)).length
  expect(right / 4000).toBeGreaterThan(0.98)
})

test('where the chance rises with a feature, so do the answers', () => {
  const random = seededRandom(5)
  const train = table(20_000, 3, (x) => Number(random() < (x + 1) / 2))
  const grid = Float32Array.of(-0.9, -0.5, 0, 0.5, 0.9)
  const model = fit(train, { rounds: 50, maxLeaves: 8, minRowsPerLeaf: 500 })
  const answers = predict(model, matrixOf(['x', 'y'], [grid, new Float32Array(5)]))
  // The true chances are 0.05, 0.25, 0.5, 0.75 and 0.95.
  for (const [at, chance] of [0.05, 0.25, 0.5, 0.75, 0.95].entries())
    expect(Math.abs((answers[at] ?? 0) - chance)).toBeLessThan(0.07)
})

describe('the loss on the training rows', () => {
  test('falls with every tree', () => {
    const { train, model } = noisyModel()
    const losses = [0, 1, 2, 5, 10, 20, 50].map((count) => {
      const cut = { ...model, trees: model.trees.slice(0, count) }
      return logLossOfScores(scoreGbdt(cut, train.matrix), train.labels)
    })
    expect(losses).toEqual(losses.toSorted((a, b) => b - a))
    expect(losses.at(-1)).toBeLessThan((losses[0] ?? 0) * 0.8)
  })
})

test('every leaf keeps at least the rows and at most as many leaves as the options say', () => {
  const { train, model } = noisyModel({ minRowsPerLeaf: 37, maxLeaves: 9 })
  for (const tree of model.trees) {
    const rows = rowsPerLeaf(tree, train)
    expect(rows.size).toBeLessThanOrEqual(9)
    expect(Math.min(...rows.values())).toBeGreaterThanOrEqual(37)
  }
})

test('answers of one in 500 keep the mean of the probabilities at the share of ones', () => {
  const random = seededRandom(6)
  const train = table(40_000, 8, (x) => Number(random() < 0.001 * (x + 1) ** 3))
  const probabilities = predict(fit(train, { rounds: 30 }), train.matrix)
  const share = train.labels.filter((label) => label === 1).length
  const expected = probabilities.reduce((sum, probability) => sum + probability, 0)
  expect(Math.abs(expected / share - 1)).toBeLessThan(0.05)
})

describe('early stopping', () => {
  test('keeps the trees up to the lowest validation loss and ends `patience` rounds behind it', () => {
    const validation = noise(500, 2)
    const losses: number[] = []
    const model = trainGbdt({
      train: noise(500, 1),
      validation,
      options: { rounds: 200, patience: 7 },
      onRound: ({ validationLogLoss }) => losses.push(validationLogLoss ?? NaN),
    })
    const prior = logLossOfScores(new Float64Array(500).fill(model.prior), validation.labels)
    const all = [prior, ...losses]
    const best = all.indexOf(Math.min(...all))
    expect(model.trees).toHaveLength(best)
    expect(losses).toHaveLength(best + 7)
  })

  test('refuses validation rows with other features or labels', () => {
    const train = { matrix: one, labels }
    const other = { matrix: matrixOf(['b'], [Float32Array.of(1)]), labels: Uint8Array.of(1) }
    expect(() => trainGbdt({ train, validation: other })).toThrow(/^names\[0\]: expected a, not b/)
    const wrong = { matrix: one, labels: Uint8Array.of(0, 0, 3, 0) }
    expect(() => trainGbdt({ train, validation: wrong })).toThrow(/^validation\.labels\[2\]: /)
  })
})

describe('the seed', () => {
  const sampled = { rowShare: 0.6, featureShare: 0.5, rounds: 10 }
  const bytesOf = (seed: number) => exportOnnx(noisyModel({ ...sampled, seed }).model)

  test('gives the same model to the byte', () => expect(bytesOf(4)).toEqual(bytesOf(4)))
  test('changes the model where rows or features are drawn', () =>
    expect(bytesOf(4)).not.toEqual(bytesOf(5)))
})

function fit(train: LabelledRows, options: Parameters<typeof trainGbdt>[0]['options'] = {}) {
  return trainGbdt({ train, options })
}

function twoColumns(first: number, second: number): Float32Array[] {
  return [new Float32Array(first), new Float32Array(second)]
}

/** Two features uniform in [-1, 1) and the label that `answer` gives them. */
function table(rows: number, seed: number, answer: (x: number, y: number) => number): LabelledRows {
  const random = seededRandom(seed)
  const [x, y] = [new Float32Array(rows), new Float32Array(rows)].map((c) =>
    c.map(() => random() * 2 - 1),
  )
  const columns = [x ?? new Float32Array(), y ?? new Float32Array()]
  const answers = Uint8Array.from({ length: rows }, (_, row) =>
    answer(columns[0]?.[row] ?? 0, columns[1]?.[row] ?? 0),
  )
  return { matrix: matrixOf(['x', 'y'], columns), labels: answers }
}

function noise(rows: number, seed: number): LabelledRows {
  const random = seededRandom(seed + 100)
  return table(rows, seed, (x) => Number(random() < 0.5 + x / 4))
}

function noisyModel(options: Parameters<typeof fit>[1] = {}): {
  train: LabelledRows
  model: GbdtModel
} {
  const train = noise(2000, 9)
  return { train, model: fit(train, { rounds: 50, ...options }) }
}

function rowsPerLeaf(tree: Tree, { matrix }: LabelledRows): Map<number, number> {
  const counts = new Map<number, number>()
  for (let row = 0; row < matrix.rows; row++) {
    let node = 0
    for (;;) {
      const feature = tree.features[node] ?? LEAF
      if (feature === LEAF) break
      const goesLeft = (matrix.columns[feature]?.[row] ?? NaN) <= (tree.thresholds[node] ?? 0)
      node = (goesLeft ? tree.lefts[node] : tree.rights[node]) ?? 0
    }
    counts.set(node, (counts.get(node) ?? 0) + 1)
  }
  return counts
}
