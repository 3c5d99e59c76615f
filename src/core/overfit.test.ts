import { expect, test } from 'vitest'
import { curvePairs, findOverfit, tellOverfit, type CurvePoint } from './overfit.ts'
import { seededRandom } from './random.ts'

const curve = (n: number, value: (step: number) => number): CurvePoint[] =>
  Array.from({ length: n }, (_, step) => ({ step, value: value(step) }))

const LOSS = { train: 'train_loss', validation: 'val_loss', better: 'lower' } as const
const ACCURACY = { train: 'accuracy', validation: 'val_accuracy', better: 'higher' } as const

test.each([
  [['train_loss', 'val_loss'], 'train_loss', 'val_loss', 'lower'],
  [['loss', 'val_loss', 'lr'], 'loss', 'val_loss', 'lower'],
  [['train/f1', 'val/f1'], 'train/f1', 'val/f1', 'higher'],
  [['training_rmse', 'validation_rmse'], 'training_rmse', 'validation_rmse', 'lower'],
  [['auc-train', 'auc-valid'], 'auc-train', 'auc-valid', 'higher'],
  [['train.logloss', 'eval.logloss'], 'train.logloss', 'eval.logloss', 'lower'],
] as const)('%j are one pair', (keys, train, validation, better) => {
  expect(curvePairs(keys)).toEqual([{ train, validation, better }])
})

test.each([[['val_loss']], [['train_loss', 'test']], [['train_x', 'val_x']], [[]]] as const)(
  '%j are none',
  (keys) => {
    expect(curvePairs(keys)).toEqual([])
  },
)

// (e^-3.6 + e^-3.7 + e^-3.8 + e^-3.9) / 4 = 0.023665
test('validation that turns while training goes on is told with its turning point', () => {
  const found = findOverfit(
    LOSS,
    curve(40, (step) => Math.exp(-step / 10)),
    curve(40, (step) => 0.5 + ((step - 12) / 20) ** 2),
  )
  expect(found).toMatchObject({ ...LOSS, bestStep: 12, trainTo: expect.closeTo(0.023665, 6) })
  expect(found && tellOverfit(found)).toMatch(
    /^val_loss went from 0\.50\d+ at step 12 to 2\.1\d+, while train_loss went on from 0\.3186 to 0\.02366$/,
  )
})

test('a share that falls is worse, and one that rises is not', () => {
  const learns = curve(50, (step) => 1 - Math.exp(-step / 15))
  const falls = curve(50, (step) => 0.9 - ((step - 20) / 60) ** 2)
  expect(findOverfit(ACCURACY, learns, falls)).toMatchObject({ bestStep: 20 })
  expect(findOverfit({ ...ACCURACY, better: 'lower' }, learns, falls)).toBeUndefined()
})

test.each([
  ['falls with training', (step: number) => 0.1 + Math.exp(-step / 12)],
  ['stays on a level', (step: number) => Math.max(0.4, 1 - step / 20)],
  [
    'grows little by little, by less than a tenth of its gain',
    (step: number) => Math.max(0.2 + step / 2_000, 1 - step / 20),
  ],
])('validation that %s is healthy', (_, value) => {
  expect(
    findOverfit(
      LOSS,
      curve(60, (step) => Math.exp(-step / 10)),
      curve(60, value),
    ),
  ).toBeUndefined()
})

test('noise on a level is no trend, whatever its seed', () => {
  for (let seed = 0; seed < 200; seed++) {
    const random = seededRandom(seed)
    const noisy = curve(60, (step) => Math.max(0.4, 1 - step / 15) + 0.05 * (random() - 0.5))
    expect(
      findOverfit(
        LOSS,
        curve(60, (step) => Math.exp(-step / 10)),
        noisy,
      ),
    ).toBeUndefined()
  }
})

const turns = (step: number): number => 0.5 + ((step - 3) / 5) ** 2

test('curves of few points, of other steps, or whose training has stopped to improve tell nothing', () => {
  expect(
    findOverfit(
      LOSS,
      curve(9, (s) => -s),
      curve(9, turns),
    ),
  ).toBeUndefined()
  const late = curve(140, turns).slice(40)
  expect(
    findOverfit(
      LOSS,
      curve(40, (s) => -s),
      late,
    ),
  ).toBeUndefined()
  expect(findOverfit(LOSS, curve(40, turns), curve(40, turns))).toBeUndefined()
  expect(
    findOverfit(
      LOSS,
      curve(40, () => Number.NaN),
      curve(40, turns),
    ),
  ).toBeUndefined()
})
