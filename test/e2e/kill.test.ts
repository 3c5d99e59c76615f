import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { DatasetVersion } from '@gyre/sdk/wire/dataset'
import { Lineage } from '@gyre/sdk/wire/lineage'
import { ModelVersion } from '@gyre/sdk/wire/model'
import { PipelineRun, RowSet } from '@gyre/sdk/wire/pipeline'
import { Run } from '@gyre/sdk/wire/run'
import { Retrain } from '@gyre/sdk/wire/trigger'
import { beforeAll, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { seededRandom } from '../../src/core/random.ts'
import { prepareHeld, type Held } from './held-project.ts'
import { acked, checkBatches, without } from './ledger-checks.ts'
import { allGone, childOf, childrenOf } from './processes.ts'
import { build, gyre, up, type Ended, type Running } from './program.ts'
import {
  labelledBy,
  openLedger,
  predictMany,
  QUESTION,
  readKept,
  send,
  sendUntilCut,
  type Kept,
  type Ledger,
} from './traffic.ts'

let held: Held

beforeAll(async () => {
  await build()
  held = await prepareHeld()
  return () => held.remove()
})

const ROUNDS = 6
/** Predictions may be lost for so long after they were answered. */
const DEFERRED_MS = 1_000
/** Far above what opening takes: nobody waits for minutes for a folder that was killed. */
const OPEN_MS = 10_000
const PATIENT = { timeout: 20_000, interval: 50 }

async function read<T>(server: Running, path: string, shape: z.ZodType<T>): Promise<T> {
  return shape.parse((await send(`${server.url}/api/v1/${path}`, 'GET'))?.body)
}

const pipelineRun = (server: Running, id: string) =>
  read(server, `pipeline-runs/${id}?wait=true`, PipelineRun)

const versionsOf = async (server: Running) =>
  (await read(server, 'models?name=churn', z.object({ versions: z.array(ModelVersion) }))).versions

async function startTraining(server: Running, seed: number): Promise<string> {
  const reply = await send(`${server.url}/api/v1/pipelines/train/runs`, 'POST', {
    params: { seed },
  })
  return PipelineRun.parse(reply?.body).id
}

/** Aliases and keys that were answered are there, and every alias with its event; the audit is whole. Its length. */
async function checkCatalog(server: Running, ledger: Ledger, kept: Kept): Promise<number> {
  expect(without(acked(ledger.aliases), kept.aliases)).toEqual([])
  expect(kept.told).toEqual(kept.aliases)
  expect(without(acked(ledger.keys), kept.keys)).toEqual([])
  const audit = z.object({ ok: z.literal(true), count: z.number() })
  return (await read(server, 'event-log/verify', audit)).count
}

/** Every run that was begun is there and has come to its end by a registration of its own, of the one version. */
async function checkRuns(server: Running, ledger: Ledger): Promise<void> {
  const list = z.object({ runs: z.array(PipelineRun) })
  const { runs } = await read(server, 'pipeline-runs?limit=200', list)
  expect(without(ledger.runs.keys(), new Set(runs.map(({ id }) => id)))).toEqual([])
  const ended = await Promise.all(runs.map(({ id }) => pipelineRun(server, id)))
  expect(ended.filter(({ status }) => status !== 'succeeded')).toEqual([])
  const made = ended.map(({ steps }) => steps.find(({ kind }) => kind === 'register'))
  expect(made.map((step) => step?.outputs)).toEqual(
    made.map(() => expect.objectContaining({ ref: 'model:churn@1' })),
  )
  const registering = z.object({ runs: z.array(Run) })
  const registrations = await read(server, 'runs?kind=register&limit=1000', registering)
  const succeeded = registrations.runs.filter(({ status }) => status === 'succeeded')
  expect(succeeded).toHaveLength(made.length)
  expect(new Set(succeeded.map(({ id }) => id))).toEqual(new Set(made.map((step) => step?.runId)))
  expect((await versionsOf(server)).map(({ ref }) => ref)).toEqual(['model:churn@1'])
}

test('kill -9 under load loses nothing that was answered, halves no batch, and opens again', async () => {
  const random = seededRandom(20_010_601)
  const data = await held.copy()
  const warm = await up(data)
  const ledger = openLedger(await predictMany(warm.url, 3_000))
  await warm.stop('SIGTERM')
  let server = await up(data)
  let [events, durable] = [0, 0]
  for (let round = 0; round < ROUNDS; round++) {
    const [startMs, enoughMs, enoughAcks] = [performance.now(), random() * 1_800, random() * 200]
    let [acks, killedMs] = [0, Infinity]
    const dying = server
    await sendUntilCut(server.url, ledger, () => {
      acks += 1
      const nowMs = performance.now()
      if (killedMs < nowMs || acks < enoughAcks || nowMs - startMs < enoughMs) return
      killedMs = nowMs
      void dying.stop('SIGKILL')
    })
    const openingMs = performance.now()
    server = await up(data)
    expect(performance.now() - openingMs).toBeLessThan(OPEN_MS)

    const kept = await readKept(server.url)
    checkBatches(ledger, kept)
    const old = acked(ledger.predictions, killedMs - DEFERRED_MS)
    expect(without(old, kept.subjects)).toEqual([])
    durable = Math.max(durable, old.length)
    for (const subject of without(ledger.predictions.keys(), kept.subjects))
      ledger.predictions.delete(subject)
    await checkRuns(server, ledger)
    const count = await checkCatalog(server, ledger, kept)
    expect(count).toBeGreaterThan(events)
    events = count
  }
  expect(ledger.refusals).toEqual([])
  expect(durable).toBeGreaterThan(0)
  expect(acked(ledger.batches).length).toBeGreaterThan(ROUNDS)
  expect(ledger.runs.size).toBeGreaterThan(0)
})

test('Ctrl-C under load answers everything that was taken in, and keeps all that was answered', async () => {
  const data = await held.copy()
  const server = await up(data)
  const ledger = openLedger(await predictMany(server.url, 1_000))
  let acks = 0
  const stops: Promise<Ended>[] = []
  await sendUntilCut(server.url, ledger, () => {
    acks += 1
    if (acks === 150) stops.push(server.stop('SIGINT'))
  })
  expect(await Promise.all(stops)).toMatchObject([{ code: 0, stderr: '' }])

  const again = await up(data)
  const kept = await readKept(again.url)
  checkBatches(ledger, kept)
  await checkCatalog(again, ledger, kept)
  await checkRuns(again, ledger)
  const labelled = acked(ledger.batches).flatMap((batch) => labelledBy(ledger, Number(batch)))
  expect(kept.subjects).toEqual(new Set(['early', ...acked(ledger.predictions)]))
  expect(kept.labelled).toEqual(new Set(labelled))
  expect(kept.aliases).toEqual(new Set(['production', ...acked(ledger.aliases)]))
  expect(kept.keys).toEqual(new Set(acked(ledger.keys)))
  expect(ledger.refusals).toEqual([])
})

test('a step whose process is killed fails its run and says how; one that may is tried again', async () => {
  const { journal } = held
  const server = await up(await held.copy())
  const [releaseFit, releaseBaseline] = [
    await journal.hold('fit-8'),
    await journal.hold('baseline-8'),
  ]
  const id = await startTraining(server, 8)
  const [fit, baseline] = [
    await journal.started('fit-8', 1),
    await journal.started('baseline-8', 1),
  ]
  // Besides, one that waits for the next step.
  expect(await childrenOf(server.pid, /runner/)).toEqual(expect.arrayContaining([fit, baseline]))
  process.kill(baseline, 'SIGKILL')
  expect(await journal.started('baseline-8', 2)).not.toBe(baseline)
  await releaseBaseline()
  process.kill(fit, 'SIGKILL')

  const { status, steps } = await pipelineRun(server, id)
  await releaseFit()
  expect(status).toBe('failed')
  expect(steps.map(({ step, state, attempt }) => [step, state, attempt])).toEqual([
    ['rows', 'succeeded', 1],
    ['fit', 'failed', 1],
    ['baseline', 'succeeded', 2],
    ['good-enough', 'skipped', 0],
    ['register-churn', 'skipped', 0],
  ])
  const message = 'step fit was killed by SIGKILL without reporting'
  expect(steps[1]?.error).toEqual({ code: 'STEP_FAILED', message })
  expect(await read(server, `runs/${steps[1]?.runId}`, Run)).toMatchObject({
    status: 'failed',
    error: { message },
  })
  expect(await read(server, `runs/${id}`, Run)).toMatchObject({ status: 'failed' })
  await vi.waitFor(async () => expect(await childrenOf(server.pid, /runner/)).toEqual([]), {
    timeout: 20_000,
  })
})

test('a pipeline whose server was killed goes on with the step that ran, and registers once', async () => {
  const { journal } = held
  const data = await held.copy()
  const server = await up(data)
  const release = await journal.hold('fit-9')
  const id = await startTraining(server, 9)
  await journal.started('fit-9', 1)
  await vi.waitFor(async () => {
    const { steps } = await read(server, `pipeline-runs/${id}`, PipelineRun)
    expect(steps[2]).toMatchObject({ step: 'baseline', state: 'succeeded' })
  }, PATIENT)
  const orphans = await childrenOf(server.pid, /./)
  const before = await read(server, `pipeline-runs/${id}`, PipelineRun)
  await server.stop('SIGKILL')
  await allGone(orphans)

  const again = await up(data)
  await journal.started('fit-9', 2)
  await release()
  const { status, steps } = await pipelineRun(again, id)
  expect(status).toBe('succeeded')
  expect(steps.map(({ step, attempt }) => [step, attempt])).toEqual([
    ['rows', 1],
    ['fit', 2],
    ['baseline', 1],
    ['good-enough', 1],
    ['register-churn', 1],
  ])
  expect(await journal.starts('baseline-9')).toHaveLength(1)
  expect(await journal.starts('fit-9')).toHaveLength(2)
  expect(await read(again, `runs/${before.steps[1]?.runId}`, Run)).toMatchObject({ status: 'lost' })
  expect((await versionsOf(again)).map(({ ref, runId }) => [ref, runId])).toEqual([
    ['model:churn@2', steps[4]?.runId],
    ['model:churn@1', expect.any(String)],
  ])
})

test('a server whose DuckDB is killed goes on answering, and asks a new one', async () => {
  const server = await up(await held.copy())
  const ids = await predictMany(server.url, 40)
  expect((await readKept(server.url)).subjects.size).toBe(1)
  const duckdb = await childOf(server.pid, /duckdb-process/)
  const asking = send(`${server.url}/api/v1/endpoints/churn/counts`, 'GET')
  process.kill(duckdb, 'SIGKILL')
  expect([200, 503]).toContain((await asking)?.status)
  expect(await predictMany(server.url, 40)).toHaveLength(40)
  await vi.waitFor(async () => {
    const counts = await read(
      server,
      'endpoints/churn/counts',
      z.looseObject({ predictions: z.number() }),
    )
    expect(counts).toMatchObject({ predictions: 80, errors: 0, dropped: 0 })
  }, PATIENT)
  expect(await childOf(server.pid, /duckdb-process/)).not.toBe(duckdb)
  expect(new Set(ids).size).toBe(40)
})

test('a retraining whose server was killed while it trained brings one candidate, and its release', async () => {
  const { journal } = held
  const data = await held.copy()
  const server = await up(data)
  const retrainsOf = async (of: Running) =>
    (await read(of, 'retrains', z.object({ retrains: z.array(Retrain) }))).retrains
  const release = await journal.hold('fit-70')
  for (const at of ['2025-09-01T00:00:00Z', '2025-09-30T00:00:00Z'])
    await send(`${server.url}/predict/churn`, 'POST', { subject: 'c1', at, input: QUESTION })
  await journal.started('fit-70', 1)
  const [training] = await vi.waitFor(async () => {
    const retrains = await retrainsOf(server)
    expect(retrains).toMatchObject([{ state: 'training', at: '2025-09-29T00:00:00.000Z' }])
    return retrains
  }, PATIENT)
  await server.stop('SIGKILL')

  const again = await up(data)
  await journal.started('fit-70', 2)
  await release()
  const [released] = await vi.waitFor(async () => {
    const retrains = await retrainsOf(again)
    expect(retrains).toMatchObject([{ state: 'released' }])
    return retrains
  }, PATIENT)
  expect(released).toMatchObject({
    id: training?.id,
    pipelineRun: training?.pipelineRun,
    champion: 'model:churn@1',
    candidate: 'model:churn@2',
  })
  expect((await versionsOf(again)).map(({ ref, stage }) => [ref, stage])).toEqual([
    ['model:churn@2', 'production'],
    ['model:churn@1', 'archived'],
  ])
  const log = z.object({ events: z.array(z.object({ type: z.string() })) })
  const { events } = await read(again, 'event-log?limit=1000', log)
  const count = (type: string) => events.filter((event) => event.type === type).length
  expect(['trigger.fired', 'retrain.training', 'retrain.released'].map(count)).toEqual([1, 1, 1])
})

test('after a kill a prediction still leads back to the rows it was learned from, and their file', async () => {
  const data = await held.copy()
  const server = await up(data)
  const [id = ''] = await predictMany(server.url, 8)
  await readKept(server.url)
  await server.stop('SIGKILL')

  const again = await up(data)
  const { code, stdout } = await gyre(['lineage', `prediction:${id}`, '--json', '--url', again.url])
  expect(code).toBe(0)
  const { nodes, edges } = Lineage.parse(JSON.parse(stdout))
  const [model] = await versionsOf(again)
  const [run] = (await read(again, 'pipeline-runs', z.object({ runs: z.array(PipelineRun) }))).runs
  const [rows, fit] = run?.steps ?? []
  const { train } = z.object({ train: RowSet }).parse(rows?.outputs)
  const { versions } = await read(
    again,
    'datasets',
    z.object({ versions: z.array(DatasetVersion) }),
  )
  const file = `sha256:${createHash('sha256')
    .update(await readFile(held.customers))
    .digest('hex')}`

  const digestOf = (ref: string) => nodes.find((node) => node.ref === ref)?.digest
  const isMadeOf = (to: string, from: string) =>
    edges.some((edge) => edge.to === to && edge.from === from)
  const dataset = 'dataset:customers@1'
  const chain = [
    `prediction:${id}`,
    'model:churn@1',
    `artifact:${model?.digest}`,
    `run:${fit?.runId}`,
    `artifact:${train.digest}`,
    `run:${rows?.runId}`,
    dataset,
    `run:${versions[0]?.runId}`,
    nodes.find(({ digest }) => digest === file)?.ref ?? 'no node of the file',
  ]
  expect(chain.slice(1).map((ref, i) => [ref, isMadeOf(chain[i] ?? '', ref)])).toEqual(
    chain.slice(1).map((ref) => [ref, true]),
  )
  expect(digestOf(dataset)).toBe(versions[0]?.digest)
  expect(digestOf(`artifact:${train.digest}`)).toBe(train.digest)
})
