import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { GateRules } from '@gyre/sdk/wire/gate'
import type { RowSet } from '@gyre/sdk/wire/pipeline'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../core/clock.ts'
import { digestOf } from '../core/digest.ts'
import { sqlText, type Analytics } from '../store/analytics.ts'
import { openAnalyticsInProcess } from '../store/analytics-in-process.ts'
import { exportOnnx } from './export-onnx.ts'
import { evaluateForGate, type GateDeps } from './gate-evaluation.ts'
import { assertApart } from './row-overlap.ts'
import type { OpenModel } from './scored-model.ts'
import { createStepRows } from './step-rows.ts'

/** As below in Python; of 15 rows each, XNA and no origin at all are too small. */
const ROWS = `
  SELECT CAST(((i * 37) % 101) / 101.0 AS FLOAT) AS x, origin,
    TIMESTAMP '2001-02-01' AS "at", 'f' || i AS subject,
    CAST(((i * 53) % 97) / 97.0 < CASE origin WHEN 'ORD' THEN 0.6 - 0.2 * x ELSE x END AS INTEGER) AS label
  FROM (SELECT i, CASE WHEN i % 8 < 4 THEN 'ATL' WHEN i % 8 < 6 THEN 'ORD' WHEN i % 8 < 7 THEN 'LAX'
    WHEN i % 16 < 8 THEN 'XNA' END AS origin FROM range(240) AS r(i)) ORDER BY i`

/** The same rows a month before. */
const LEARNED = `(SELECT * REPLACE (TIMESTAMP '2001-01-01' AS "at") FROM (${ROWS}))`

/**
 * sklearn 1.9.1 by slice of i = 0..239, with the scores of sigmoid(4x − 2) and, as champion, sigmoid(x − 0.5):
 * roc_auc_score and log_loss of the candidate, log_loss of the champion.
 */
const EXPECTED = {
  ATL: {
    rows: 120,
    auc: 0.796749096971381,
    logLoss: 0.5489192273473356,
    champion: 0.6288762468018602,
  },
  ORD: {
    rows: 60,
    auc: 0.40736607142857134,
    logLoss: 0.9353754948342698,
    champion: 0.7262307556065405,
  },
  LAX: {
    rows: 30,
    auc: 0.7288888888888889,
    logLoss: 0.614369520001785,
    champion: 0.6454686764290881,
  },
}
const ALL = { auc: 0.6980411225340372, logLoss: 0.6475344727342534, champion: 0.6539249434572765 }

const CANDIDATE = digestOf('candidate')
const CHAMPION = digestOf('champion')
const SET: RowSet = {
  digest: digestOf('rows'),
  rows: 240,
  from: '2001-02-01T00:00:00.000Z',
  until: '2001-02-02T00:00:00.000Z',
  label: 'label',
  at: 'at',
  subject: 'subject',
  inputs: [{ kind: 'field', name: 'x', field: 'x' }],
}

let folder: string
let analytics: Analytics

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gyre-'))
  analytics = await openAnalyticsInProcess({
    folders: [folder],
    tempFolder: join(folder, 'spill'),
    memoryMb: 256,
  })
  await write('rows', ROWS)
  await write('learned', LEARNED)
  // One row that is judged, with another label, at the very same instant; one of the same subject a day before.
  await write(
    'learned-overlapping',
    `${LEARNED} UNION ALL
      (SELECT * REPLACE (1 - label AS label) FROM (${ROWS}) WHERE subject = 'f17') UNION ALL
      (SELECT * REPLACE ("at" - INTERVAL 1 DAY AS "at") FROM (${ROWS}) WHERE subject = 'f18')`,
  )
  await writeModel(CANDIDATE, 4, -2)
  await writeModel(CHAMPION, 1, -0.5)
})
afterAll(async () => {
  await analytics.close()
  await rm(folder, { recursive: true, force: true })
})

async function write(file: string, rows: string): Promise<void> {
  await analytics.exec(`COPY (${rows}) TO ${sqlText(join(folder, file))} (FORMAT parquet)`)
}

async function writeModel(digest: string, weight: number, intercept: number): Promise<void> {
  const [names, means, scales, weights] = [['x'], [0], [1], [weight]]
  const model = { kind: 'linear', names, means, scales, weights, intercept } as const
  const spec = {
    format: 'gyre-model/1',
    task: 'binary',
    inputs: SET.inputs,
    fields: { x: 'number' },
    rates: {},
    code: null,
    reference: { rows: 0, inputs: {}, score: { bins: null, counts: [], missing: 0 } },
    training: {
      rowsDigest: digestOf('learned'),
      rows: 0,
      from: null,
      until: null,
      algorithm: 'linear',
      options: {},
      importance: {},
    },
  }
  const home = join(folder, digest)
  await mkdir(home)
  await writeFile(join(home, 'model.onnx'), exportOnnx(model))
  await writeFile(join(home, 'model.json'), JSON.stringify(spec))
}

const openModel: OpenModel = async (path, width) => {
  const session = await InferenceSession.create(path, { intraOpNumThreads: 1 })
  return {
    async run(features, rows) {
      const feeds = { features: new Tensor('float32', features, [rows, width]) }
      const { probability } = await session.run(feeds)
      return Float32Array.from(probability?.data as Float32Array)
    },
    close: () => session.release(),
  }
}

const nothingToStore = () => Promise.reject(new Error('a gate stores no files'))

function evaluate(rules: GateRules, overlap = '') {
  const files = {
    blob: async (digest: string) =>
      join(folder, digest === SET.digest ? 'rows' : `learned${overlap}`),
    folder: async (digest: string) => join(folder, digest),
    putBytes: nothingToStore,
    putFile: nothingToStore,
    putFolder: nothingToStore,
    artifact: nothingToStore,
  }
  const rows = createStepRows({ files, analytics })
  const bundle = { digest: digestOf('code'), transforms: {} }
  const inputs = { candidate: { digest: CANDIDATE, rows: 0 }, rows: SET }
  const champion = { ref: 'model:delay@1', digest: CHAMPION }
  const deps: GateDeps = {
    files,
    rows,
    openModel,
    clock: systemClock,
    seed: 7,
    bundle,
    assertApart: (...about) => assertApart({ files, analytics }, ...about),
  }
  return evaluateForGate(deps, inputs, champion, rules)
}

test('a slice by a column that the rows do not have is refused, and those there are named', async () => {
  await expect(evaluate({ auc: { worstSlice: { by: 'carrier', atLeast: 0.5 } } })).rejects.toThrow(
    /^by: the rows have no column carrier; there are x, origin, at, subject, label$/,
  )
})

test('every slice of enough rows is measured as scikit-learn measures it, the others are counted', async () => {
  const worstSlice = { by: 'origin', minRows: 30, atLeast: 0.6 }
  const measured = await evaluate({
    auc: { worstSlice },
    logLoss: { worstSlice: { ...worstSlice, notWorseThan: 'champion' } },
  })
  expect(measured).toMatchObject({
    rows: 240,
    candidate: { auc: expect.closeTo(ALL.auc, 12), logLoss: expect.closeTo(ALL.logLoss, 6) },
    champion: { logLoss: expect.closeTo(ALL.champion, 6) },
    championRef: 'model:delay@1',
  })
  expect(measured.slices).toMatchObject([
    {
      by: 'origin',
      minRows: 30,
      tooSmall: 2,
      judged: Object.entries(EXPECTED).map(([slice, { rows, auc, logLoss, champion }]) => ({
        slice,
        rows,
        candidate: { n: rows, auc: expect.closeTo(auc, 12), logLoss: expect.closeTo(logLoss, 6) },
        champion: { n: rows, logLoss: expect.closeTo(champion, 6) },
        baseline: null,
        differences: { logLoss: { value: expect.closeTo(logLoss - champion, 6) } },
        intervals: { auc: expect.anything(), logLoss: expect.anything() },
      })),
    },
  ])
})

test('what rules ask for is measured through the model itself: latency, size, groups, differences', async () => {
  const measured = await evaluate({
    latencyP95Ms: { below: 100 },
    disparity: { by: 'origin', minRows: 30, below: 0.05 },
    accuracy: { notWorseThan: 'champion', margin: 0.02, confident: true },
  })
  const { candidate, champion } = measured
  expect(candidate).toMatchObject({ sizeBytes: await bytesOf(CANDIDATE) })
  expect(champion).toMatchObject({ sizeBytes: await bytesOf(CHAMPION) })
  expect(candidate['latencyP50Ms']).toBeGreaterThan(0)
  expect(candidate['latencyP95Ms']).toBeGreaterThanOrEqual(candidate['latencyP50Ms'] ?? Infinity)
  // Python counts x ≥ 0.5 in 59 of 120 rows from ATL, 29 of 60 from ORD, 15 of 30 from LAX
  expect(measured.groups).toEqual({
    disparity: {
      by: 'origin',
      minRows: 30,
      judged: 3,
      tooSmall: 2,
      gap: { value: expect.closeTo(15 / 30 - 29 / 60, 12), high: 'LAX', low: 'ORD' },
    },
  })
  expect(measured.differences).toHaveProperty('accuracy.lower')
  const { intervals } = measured
  expect(intervals).toHaveProperty('auc.upper')
  expect(intervals['latencyP95Ms']?.lower).toBeGreaterThan(0)
  // scipy.stats.bootstrap of the three groups, 20000 resamples: 0.0167 to 0.2667 by percentile, -0.2333 to 0.0167 basic
  expect(intervals['disparity']).toEqual({ lower: 0, upper: expect.closeTo(0.2667, 1.4) })
  expect(measured.learned).toBeNull()
})

test('measured again, the same rows give the same verdict', async () => {
  const rules = { f1: { notWorseThan: 'champion', margin: 0.02, confident: true } } as const
  expect(await evaluate(rules)).toEqual(await evaluate(rules))
})

test('the gap is measured on the rows that the model’s files name', async () => {
  const { learned, candidate } = await evaluate({ auc: { gapAtMost: 0.05 } })
  expect(learned).toEqual({ ...candidate, sizeBytes: undefined })
})

async function bytesOf(model: string): Promise<number> {
  const sizes = ['model.onnx', 'model.json'].map(
    async (file) => (await readFile(join(folder, model, file))).byteLength,
  )
  return (await Promise.all(sizes)).reduce((sum, bytes) => sum + bytes, 0)
}

test('rows that the candidate has learned from are refused, with their number and one of them', async () => {
  await expect(evaluate({ auc: { atLeast: 0.5 } }, '-overlapping')).rejects.toMatchObject({
    code: 'ROW_OVERLAP',
    message: expect.stringMatching(
      /^rows: expected rows that the candidate has not learned from, got 1 of 240 that it has, subject f17 at 2001-02-01T00:00:00\.000Z for one/,
    ),
    details: { field: 'rows', overlapping: 1, of: 240, example: 'f17' },
  })
})

test('without a rule about slices none are measured', async () => {
  expect((await evaluate({ auc: { atLeast: 0.5 } })).slices).toEqual([])
})
