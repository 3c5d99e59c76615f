import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connect, type GyreClient } from '@gyre/sdk/client'
import { Tree } from '@gyre/sdk/wire/artifact'
import { ModelReport, ModelSpec, ModelVersion } from '@gyre/sdk/wire/model'
import { Run, RunDifference } from '@gyre/sdk/wire/run'
import { Trial } from '@gyre/sdk/wire/study'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { openFlights, psiSql, WEEKS_SQL, withTruth, type Ask } from './flights-sql.ts'
import { gyre } from './program.ts'

/** Each test asks a DuckDB or starts a program: a second here, many on a busy machine. */
/** Forty seconds on two quiet cores; what it had printed is told when it takes so long. */
const DEMO_LIMIT_MS = 600_000

const BIN = fileURLToPath(new URL('../../bin/gyre.js', import.meta.url))

/** Every 20th of the file's rows from February on, by its own count; and of them those of the outage's week. */
const REPLAYED_FROM = `row % 20 = 0 AND date >= TIMESTAMP '2001-02-01'`
const IN_OUTAGE = `date >= TIMESTAMP '2001-04-12' AND date < TIMESTAMP '2001-04-19'`
const IN_KILOMETRES = `"at" >= TIMESTAMP '2001-05-10' AND "at" < TIMESTAMP '2001-05-17'`

const Week = z.object({
  start: z.string(),
  partial: z.boolean(),
  n: z.number(),
  lateRate: z.number().nullable(),
  psi: z.record(z.string(), z.number().nullable()),
  logLoss: z.number().nullable(),
  auc: z.number().nullable(),
  calibration: z.number().nullable(),
  modelVersion: z.string().nullable(),
})

const Summary = z.object({
  data: z.object({ rows: z.number(), everyKth: z.number(), digest: z.string() }),
  features: z.array(z.string()),
  weeks: z.array(Week),
  retrains: z.array(
    z.object({
      trigger: z.string(),
      at: z.string(),
      candidate: z.string().nullable(),
      champion: z.string().nullable(),
      metrics: z.unknown(),
      verdict: z.string(),
      reason: z.string().nullable(),
    }),
  ),
  releases: z.array(
    z.object({
      at: z.string(),
      from: z.string().nullable(),
      to: z.string(),
      kind: z.string(),
      verdict: z.string(),
    }),
  ),
  faults: z.array(
    z.object({
      kind: z.string(),
      injectedAt: z.string(),
      detectedAt: z.string().nullable(),
      action: z.string().nullable(),
    }),
  ),
  search: z.object({
    trials: z.number(),
    finished: z.number(),
    auc: z.number(),
    params: z.record(z.string(), z.unknown()),
  }),
  reproductions: z.array(
    z.object({ run: z.string(), repeats: z.string(), difference: RunDifference }),
  ),
  totals: z.object({
    predictions: z.number(),
    feedback: z.number(),
    errors: z.number(),
    seconds: z.number(),
  }),
})

interface World {
  readonly demo: ChildProcess
  readonly printed: () => string
  readonly folder: string
  readonly url: string
  readonly client: GyreClient
  readonly summary: z.infer<typeof Summary>
  readonly ask: Ask
  readonly close: () => void
}

let world: World

/** The demo as a user starts it, to the end of its replay; then its export, beside the raw file, in DuckDB. */
beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gyre-flights-'))
  const args = ['demo', 'flights', '--port', '0', '--data', join(folder, 'data')]
  const json = join(folder, 'summary.json')
  const demo = spawn(process.execPath, [BIN, ...args, '--json', json], {
    cwd: folder,
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let printed = ''
  demo.stderr.on('data', (chunk) => (printed += String(chunk)))
  const url = await new Promise<string>((resolve, reject) => {
    demo.stdout.on('data', (chunk) => {
      printed += String(chunk)
      const serving = /serving on (\S+) until Ctrl-C/.exec(printed)?.[1]
      if (serving !== undefined) resolve(serving)
    })
    demo.once('close', () => reject(new Error(`the demo ended early:\n${printed}`)))
    setTimeout(() => {
      demo.kill('SIGKILL')
      reject(new Error(`the demo did not end within ${DEMO_LIMIT_MS} ms:\n${printed}`))
    }, DEMO_LIMIT_MS).unref()
  })
  const exported = join(folder, 'answered.parquet')
  await gyre(['predictions', 'export', 'flight-delay', '--out', exported, '--url', url])
  const summary = Summary.parse(JSON.parse(await readFile(json, 'utf8')))
  const client = connect({ url })
  world = {
    demo,
    printed: () => printed,
    folder,
    url,
    client,
    summary,
    ...(await openFlights(exported)),
  }
}, 900_000)

afterAll(async () => {
  world.close()
  world.client.close()
  await rm(world.folder, { recursive: true, force: true })
})

test('every 20th flight was answered once, under its row number and at its date, but for the outage', async () => {
  const lost = `(${IN_OUTAGE}) AND row / 20 % 20 <> 0`
  const [counted] = await world.ask(`
    SELECT count(*) AS answers, count(DISTINCT subject) AS subjects, count(raw.row) AS known,
      count(*) FILTER (raw.date <> "at" OR raw.origin <> request_origin
        OR raw.destination <> request_destination OR raw.date <> request_date) AS changed,
      (SELECT count(*) FROM raw WHERE ${REPLAYED_FROM} AND NOT (${lost})) AS expected
    FROM answered LEFT JOIN raw ON raw.row = subject::BIGINT AND ${REPLAYED_FROM} AND NOT (${lost})`)
  const answers = world.summary.totals.predictions
  expect(counted).toEqual({
    answers,
    subjects: answers,
    known: answers,
    changed: 0,
    expected: answers,
  })
  expect(answers).toBeGreaterThan(110_000)
})

test('distances came as they are, but for the week of kilometres, all of which was quarantined', async () => {
  const rows = await world.ask(`
    SELECT ${IN_KILOMETRES} AS kilometres, quarantined, count(*) AS n,
      max(abs(request_distance / raw.distance - CASE WHEN ${IN_KILOMETRES} THEN 1.609344 ELSE 1 END)) < 1e-9 AS right
    FROM answered JOIN raw ON raw.row = subject::BIGINT GROUP BY ALL ORDER BY kilometres, quarantined`)
  expect(rows.map(({ n: _n, ...row }) => row)).toEqual([
    { kilometres: false, quarantined: false, right: true },
    { kilometres: true, quarantined: true, right: true },
  ])
})

test('every label is the flight’s own and became known when it had landed', async () => {
  const [counted] = await world.ask(`
    SELECT count(*) AS labels, count(*) FILTER (label <> raw.late) AS wrong,
      count(*) FILTER (label_known_at <> raw.landed) AS untimely,
      (SELECT count(*) FROM answered WHERE status = 'ok' AND label IS NULL) AS missing
    FROM answered JOIN raw ON raw.row = subject::BIGINT WHERE label IS NOT NULL`)
  const labels = world.summary.totals.feedback
  expect(counted).toEqual({ labels, wrong: 0, untimely: 0, missing: 0 })
})

test('what was served online is what was known at that moment, on every row', async () => {
  const asked = `SELECT *, request_origin AS origin, request_destination AS destination
    FROM answered WHERE status = 'ok'`
  const [counted] = await world.ask(`
    SELECT ${differs('input_at_origin__lateRate', 'true_origin')} AS origin,
      ${differs('input_at_destination__lateRate', 'true_destination')} AS destination,
      ${differs('input_network__lateRate', 'true_network')} AS network,
      ${differs('input_hour', `date_part('hour', "at")`)} AS hour,
      count(true_origin) > 100000 AS is_measured
    FROM (${withTruth(asked)})`)
  expect(counted).toEqual({ origin: 0, destination: 0, network: 0, hour: 0, is_measured: true })
})

test('the weeks’ numbers are those of the exported log, recomputed in SQL', async () => {
  const weeks = await world.ask(WEEKS_SQL)
  expect(world.summary.weeks).toHaveLength(22)
  for (const [index, week] of world.summary.weeks.entries()) {
    expect(week.start).toBe(new Date(Date.UTC(2001, 1, 1 + 7 * index)).toISOString())
    const truth = Numbers.parse(weeks.find((row) => row['week'] === index))
    expect(week.n).toBe(truth.n)
    if (week.start.startsWith('2001-04-12')) continue
    expect(week.lateRate).toBeCloseTo(truth.late_rate, 12)
    expect(week.logLoss).toBeCloseTo(truth.log_loss, 10)
    expect(week.auc).toBeCloseTo(truth.auc, 10)
    expect(week.calibration).toBeCloseTo(truth.calibration, 10)
  }
})

const differs = (served: string, truth: string) =>
  `count(*) FILTER (${served} IS DISTINCT FROM ${truth}::FLOAT)`

const Numbers = z.object({
  n: z.number(),
  late_rate: z.number(),
  log_loss: z.number(),
  auc: z.number(),
  calibration: z.number(),
})

test('the outage says "not enough data" and gives no number', () => {
  const week = world.summary.weeks.find(({ start }) => start.startsWith('2001-04-12'))
  expect(week?.n).toBeLessThan(500)
  expect(week).toMatchObject({ lateRate: null, logLoss: null, auc: null, calibration: null })
  expect(Object.values(week?.psi ?? { none: 1 })).toSatisfy((all: unknown[]) =>
    all.every((psi) => psi === null),
  )
  expect(world.printed()).toMatch(/2001-04-12\s+\d+\s+not enough data/)
})

test('drift is against the training rows of the week’s version, recomputed in SQL', async () => {
  const inputs = {
    distance: 'distance',
    at_origin__lateRate: '"at_origin:lateRate"',
    at_destination__lateRate: '"at_destination:lateRate"',
    network__lateRate: '"network:lateRate"',
  }
  let compared = 0
  for (const [index, { psi, modelVersion }] of world.summary.weeks.entries()) {
    if (modelVersion === null || psi['distance'] === null) continue
    await openTrainingRows(modelVersion)
    for (const [input, column] of Object.entries(inputs)) {
      const [truth] = await world.ask(psiSql(`input_${input}`, column, index))
      expect(psi[input]).toBeCloseTo(Number(truth?.['psi']), 6)
      compared++
    }
  }
  expect(compared).toBe(21 * 4)
})

test('the last three days of June are told as part of a week, and of their weekdays no alert is raised', () => {
  const { weeks } = world.summary
  expect(weeks.filter(({ partial }) => partial).map(({ start }) => start)).toEqual([
    '2001-06-28T00:00:00.000Z',
  ])
  expect(world.printed()).toMatch(/^2001-06-28 .* not closed: not judged/m)
  expect(world.printed()).not.toMatch(/ALERT weekday/)
})

test('every release has its event time, and none is opened before what called for it', () => {
  const { releases, retrains } = world.summary
  const ats = releases.map(({ at }) => Date.parse(at))
  expect(releases[0]?.at).toBe('2001-02-01T00:00:00.000Z')
  expect(ats).toEqual(ats.toSorted((a, b) => a - b))
  const early = retrains.filter(({ at, candidate, verdict }) => {
    const release = releases.find(({ to, kind }) => kind === 'canary' && to === candidate)
    return verdict === 'accepted' && !(Date.parse(release?.at ?? '') >= Date.parse(at))
  })
  expect(early).toEqual([])
})

test('no version learned from a label before it was known, nor from a quarantined request', async () => {
  const { versions } = await world.client.get(
    '/api/v1/models?name=flight-delay',
    z.object({ versions: z.array(ModelVersion) }),
  )
  expect(versions.length).toBeGreaterThan(3)
  for (const { ref } of versions) {
    const until = await openTrainingRows(ref)
    const [counted] = await world.ask(`
      SELECT count(*) FILTER (raw.landed > TIMESTAMP '${until}') AS early,
        count(*) FILTER (training.known_at <> raw.landed OR training.label <> raw.late) AS wrong,
        count(*) FILTER (answered.quarantined) AS quarantined, count(*) > 1000 AS is_measured
      FROM training JOIN raw ON raw.row = training.subject::BIGINT
      LEFT JOIN answered ON answered.subject = training.subject::VARCHAR`)
    expect({ ref, ...counted }).toEqual({
      ref,
      early: 0,
      wrong: 0,
      quarantined: 0,
      is_measured: true,
    })
  }
})

/** Puts the training part of a version's rows into the table \`training\`; gives the end of its labels. */
async function openTrainingRows(ref: string): Promise<string> {
  const { client, folder, ask } = world
  const [name, version] = ref.replace('model:', '').split('@')
  const { digest } = await client.get(`/api/v1/models/${name}/versions/${version}`, ModelVersion)
  const { entries } = Tree.parse(JSON.parse((await bytesOf(digest)).toString()))
  const json = entries.find(({ path }) => path === 'model.json')?.artifact.digest ?? ''
  const { training } = ModelSpec.parse(JSON.parse((await bytesOf(json)).toString()))
  const file = join(folder, `${training.rowsDigest.slice(7)}.parquet`)
  await writeFile(file, await bytesOf(training.rowsDigest))
  await ask(`CREATE OR REPLACE TABLE training AS SELECT * FROM read_parquet('${file}')`)
  // The newest week is held out, and labels may come in until its end.
  return new Date(Date.parse(training.until ?? '') + 7 * 86_400_000).toISOString()
}

async function bytesOf(digest: string): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of await world.client.download(`/api/v1/blobs/${digest}`))
    chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

test('totals, faults and verdicts are those of the log', async () => {
  const { totals, faults, retrains, releases, data, features } = world.summary
  const [counted] = await world.ask(`
    SELECT count(*) AS predictions, count(label) AS feedback, count(*) FILTER (status = 'error') AS errors,
      count(*) FILTER (status = 'error' AND variant = 'stable') AS stable_errors
    FROM answered`)
  const { seconds, ...counts } = totals
  expect(counted).toEqual({ ...counts, stable_errors: 0 })
  expect(seconds).toBeGreaterThan(0)
  expect(data).toMatchObject({ rows: 3_000_000, everyKth: 20 })
  expect(features).toContain('at_origin__lateRate')
  expect(faults.map(({ detectedAt, action }) => detectedAt !== null && action !== null)).toEqual([
    true,
    true,
    true,
  ])
  for (const { injectedAt, detectedAt } of faults)
    expect(detectedAt).toMatch(injectedAt.slice(0, 5))
  const [kilometres] = await world.ask(`
    SELECT count(*) AS n, count(*) FILTER (status = 'ok') AS answered, count(*) FILTER (quarantined) AS quarantined
    FROM answered WHERE variant = 'stable' AND ${IN_KILOMETRES}`)
  expect(faults[1]?.action).toContain(
    `of ${String(kilometres?.['n'])} requests ${String(kilometres?.['answered'])} answered and ${String(kilometres?.['quarantined'])} quarantined; alert: `,
  )
  const verdicts = new Set(retrains.map(({ verdict }) => verdict))
  expect(verdicts).toEqual(new Set(['accepted', 'rejected']))
  expect(releases.filter(({ kind }) => kind === 'canary').map(({ verdict }) => verdict)).toContain(
    'rolled_back',
  )
  expect(world.printed()).toContain('every 20th of 3,000,000 flights')
})

test('point-in-time features lift the AUC of January’s model by at least 0.04', () => {
  const [, withThem, without] = /AUC ([\d.]+) with .* ([\d.]+) without/.exec(world.printed()) ?? []
  expect(Number(withThem) - Number(without)).toBeGreaterThan(0.04)
})

test('a retraining that is refused says by which bounds; and they are missed', () => {
  const rejected = world.summary.retrains.filter(({ verdict }) => verdict === 'rejected')
  expect(rejected.length).toBeGreaterThan(0)
  for (const { reason } of rejected) {
    const [, value, sign, bound] =
      /^(?:auc|logLoss): ([\d.]+) is not (≥|≤) ([\d.]+)/.exec(reason ?? '') ?? []
    const isMissed = sign === '≥' ? Number(value) < Number(bound) : Number(value) > Number(bound)
    expect({ reason, isMissed }).toEqual({ reason, isMissed: true })
  }
})

test('thirty trials were searched, each a run of its own, and the best is the best of them', async () => {
  const { client, summary } = world
  const { trials } = await client.get(
    '/api/v1/studies/tune/trials',
    z.object({ trials: z.array(Trial) }),
  )
  expect(trials.map(({ state }) => state)).toEqual(Array.from({ length: 30 }, () => 'finished'))
  expect(new Set(trials.map(({ run }) => run)).size).toBe(30)
  const values = trials.map(({ value }) => value ?? Number.NaN)
  expect(summary.search).toMatchObject({ trials: 30, finished: 30, auc: Math.max(...values) })
  const best = trials.find(({ value }) => value === summary.search.auc)
  expect(summary.search.params).toEqual(best?.params)
  const { metrics, params } = await client.get(`/api/v1/runs/${best?.run}`, Run)
  expect(metrics).toMatchObject({ 'newest-week.auc': summary.search.auc })
  expect(Object.keys(params).toSorted()).toEqual(['learningRate', 'maxLeaves', 'minRowsPerLeaf'])
})

test('January’s training was executed again, and nothing differed', () => {
  expect(world.summary.reproductions).toMatchObject([
    { difference: { inputs: [], code: [], environment: [], metrics: [] } },
  ])
  expect(world.printed()).toContain('was executed again: equal inputs, code')
})

test('model show, lineage and rollback answer from the command line', async () => {
  const { url, client, ask } = world
  const shown = await gyre(['model', 'show', 'flight-delay', '--url', url])
  expect(shown.stdout).toMatch(/in production\s+model:flight-delay@\d+/)
  expect(shown.stdout).toMatch(/approved by\s+policy:gate/)
  expect(shown.stdout).toContain(world.summary.data.digest)
  const [first] = await ask(`SELECT id FROM answered ORDER BY "at" DESC LIMIT 1`)
  const walked = await gyre(['lineage', `prediction:${String(first?.['id'])}`, '--url', url])
  expect(walked.stdout).toContain(`dataset:flights@1 ${world.summary.data.digest}`)
  for (const version of ['model:flight-delay@', 'code:flights@1', 'pipeline:train@1'])
    expect(walked.stdout).toContain(version)
  expect(walked.stdout).toContain('served: endpoint:flight-delay')
  const stable = async () =>
    (await client.get('/api/v1/models/flight-delay', ModelReport)).serving[0]?.model
  const before = await stable()
  const last = world.summary.releases.findLast(({ verdict }) => verdict === 'promoted')
  expect(before).toBe(last?.to)
  expect((await gyre(['rollback', 'flight-delay', '--url', url])).code).toBe(0)
  expect(await stable()).toBe(last?.from)
})

test('Ctrl-C ends it; a second start serves without replaying and tells the same', async () => {
  const { demo, folder, summary } = world
  demo.kill('SIGINT')
  expect(await once(demo, 'close')).toEqual([0, null])
  const json = join(folder, 'again.json')
  const args = ['demo', 'flights', '--once', '--port', '0', '--data', join(folder, 'data')]
  const again = await gyre([...args, '--json', json])
  expect(again).toMatchObject({ code: 0, stderr: '' })
  expect(again.stdout).toContain('replayed before')
  const second = Summary.parse(JSON.parse(await readFile(json, 'utf8')))
  expect(second.weeks).toEqual(summary.weeks)
  expect(second.totals.predictions).toBe(summary.totals.predictions)
})
