import { afterAll, beforeAll, expect, test } from 'vitest'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Experiment } from '@gyre/sdk/wire/experiment'
import { MetricSample, Run } from '@gyre/sdk/wire/run'
import { z } from 'zod'
import { build, gyre, launch, type Running } from './program.ts'
import { send } from './traffic.ts'

const AT = Date.parse('2026-01-02T03:04:05.000Z')
const Created = z.object({ run: z.object({ info: z.object({ run_id: z.string() }) }) })
const Made = z.object({ experiment_id: z.string() })
const Runs = z.strictObject({ runs: z.array(Run), next: z.string().nullable() })
const Points = z.object({ points: z.array(MetricSample), next: z.string().nullish() })

let folder: string
let server: Running
/** Ids of the three runs of `churn`, in the order they were made. */
const ids: string[] = []

const post = async <T>(path: string, body: object, shape: z.ZodType<T>): Promise<T> =>
  shape.parse((await send(`${server.url}/api/2.0/mlflow/${path}`, 'POST', body))?.body)

async function get<T>(path: string, shape: z.ZodType<T>): Promise<T> {
  return shape.parse((await send(`${server.url}/api/v1/${path}`, 'GET'))?.body)
}

const idsOf = ({ runs }: z.infer<typeof Runs>) => runs.map(({ id }) => id)

async function cli(...args: readonly string[]) {
  return gyre([...args, '--url', server.url])
}

beforeAll(async () => {
  await build()
  folder = await mkdtemp(join(tmpdir(), 'gyre-runs-'))
  server = await launch(join(folder, 'data'))
  const Nothing = z.object({})
  const { experiment_id } = await post('experiments/create', { name: 'churn' }, Made)
  const other = await post('experiments/create', { name: 'other things' }, Made)
  for (const [i, auc] of [0.7, 0.9, NaN].entries()) {
    const start = { experiment_id, start_time: AT + i, run_name: `try ${i}` }
    const { run_id } = (await post('runs/create', start, Created)).run.info
    ids.push(run_id)
    const value = Number.isNaN(auc) ? 'NaN' : auc
    await post('runs/log-metric', { run_id, key: 'auc', value, timestamp: AT, step: 7 }, Nothing)
    await post('runs/log-parameter', { run_id, key: 'lr', value: `0.${i}` }, Nothing)
    await post('runs/set-tag', { run_id, key: 'team', value: 'risk' }, Nothing)
  }
  await post('runs/create', { experiment_id: other.experiment_id, start_time: AT + 9 }, Created)
  const long = Array.from({ length: 5_000 }, (_, step) => ({
    key: 'system/load',
    timestamp: AT + step,
    step,
    value: step === 1_234 ? 1e6 : step === 4_321 ? -1e6 : step % 10,
  }))
  for (let at = 0; at < long.length; at += 1_000)
    await post('runs/log-batch', { run_id: ids[0], metrics: long.slice(at, at + 1_000) }, Nothing)
})

afterAll(async () => {
  await server.stop('SIGKILL')
  await rm(folder, { recursive: true })
})

test('experiments are listed newest first, filtered by the one grammar, and shown by id or name', async () => {
  const List = z.strictObject({ experiments: z.array(Experiment), next: z.string().nullable() })
  const all = await get('experiments', List)
  expect(all.experiments.map(({ id, name }) => [id, name])).toEqual([
    ['2', 'other things'],
    ['1', 'churn'],
    ['0', 'Default'],
  ])
  const first = await get('experiments?limit=2', List)
  const rest = await get(`experiments?limit=2&cursor=${first.next}`, List)
  expect([...first.experiments, ...rest.experiments]).toEqual(all.experiments)
  expect(rest.next).toBeNull()
  const like = encodeURIComponent("name LIKE '%thing%'")
  expect((await get(`experiments?filter=${like}`, List)).experiments).toEqual([all.experiments[0]])
  for (const known of ['1', 'churn'])
    expect(await get(`experiments/${known}`, Experiment)).toEqual(all.experiments[1])
  expect(await get('experiments/other%20things', Experiment)).toEqual(all.experiments[0])
})

test('runs of an experiment are searched, ordered and paged', async () => {
  const found = await get('runs?experiment=churn', Runs)
  expect(idsOf(found)).toEqual(ids.toReversed())
  expect(found.runs[1]).toMatchObject({
    kind: 'training',
    name: 'try 1',
    status: 'running',
    experiment: '1',
    params: { lr: '0.1' },
    tags: { team: 'risk' },
    metrics: { auc: 0.9 },
  })
  const above = encodeURIComponent("metrics.auc > 0.5 AND params.lr != '0.1'")
  expect(idsOf(await get(`runs?experiment=1&filter=${above}`, Runs))).toEqual([ids[0]])
  const byAuc = 'runs?experiment=churn&order_by=metrics.auc%20DESC,attributes.start_time'
  const [best, worse, none] = [ids[1], ids[0], ids[2]]
  expect(idsOf(await get(byAuc, Runs))).toEqual([best, worse, none])
  const page = await get(`${byAuc}&limit=2`, Runs)
  expect(idsOf(page)).toEqual([best, worse])
  expect(idsOf(await get(`${byAuc}&limit=2&cursor=${page.next}`, Runs))).toEqual([none])
  const risk = encodeURIComponent("tags.team = 'risk'")
  expect(idsOf(await get(`runs?filter=${risk}`, Runs))).toEqual(ids.toReversed())
  expect((await get('runs', Runs)).runs).toHaveLength(4)
  expect((await get('runs?view=deleted', Runs)).runs).toEqual([])
})

test('a metric is read whole by pages, and for a chart with its extremes', async () => {
  const key = encodeURIComponent('system/load')
  const steps: unknown[] = []
  for (let cursor: string | undefined = ''; cursor !== undefined;) {
    const from: string = cursor === '' ? '' : `&cursor=${cursor}`
    const path = `runs/${ids[0]}/metric-history?key=${key}&limit=2000${from}`
    const page: z.infer<typeof Points> = await get(path, Points)
    steps.push(...page.points.map(({ step }) => step))
    cursor = page.next ?? undefined
  }
  expect(steps).toEqual(Array.from({ length: 5_000 }, (_, step) => step))
  const chart = await get(`runs/${ids[0]}/metric-chart?key=${key}&points=40`, Points)
  expect(chart.points.length).toBeLessThanOrEqual(40)
  const charted = chart.points.map(({ step, value }) => [step, value])
  expect(charted).toContainEqual([1_234, 1e6])
  expect(charted).toContainEqual([4_321, -1e6])
  expect([charted[0]?.[0], charted.at(-1)?.[0]]).toEqual([0, 4_999])
  const part = await get(`runs/${ids[0]}/metric-chart?key=${key}&from=10&until=12`, Points)
  expect(part.points).toEqual(
    [10, 11, 12].map((step) => ({ step, atMs: AT + step, value: step % 10 })),
  )
  expect((await get(`runs/${ids[2]}/metric-history?key=auc`, Points)).points).toEqual([
    { step: 7, atMs: AT, value: NaN },
  ])
  expect((await get(`runs/${ids[0]}/metric-history?key=nope`, Points)).points).toEqual([])
})

test('the command line lists experiments and runs, and shows a run', async () => {
  const experiments = await cli('experiments', 'ls')
  expect(experiments).toMatchObject({ code: 0, stderr: '' })
  expect(experiments.stdout).toMatch(/^id +name +created +updated\n2 +other things .*\n1 +churn /)
  expect(JSON.parse((await cli('experiments', 'ls', '--json')).stdout)).toMatchObject([
    { id: '2', name: 'other things' },
    { id: '1', name: 'churn' },
    { id: '0', name: 'Default' },
  ])
  const best = await cli('runs', 'ls', '--experiment', 'churn', '--filter', 'metrics.auc > 0.8')
  expect(best.stdout).toMatch(
    new RegExp(`^run +kind +name +status +started +by\n${ids[1]} +training +try 1 +running `),
  )
  const json = await cli('runs', 'ls', '--experiment', 'churn', '--order', 'metrics.auc', '--json')
  expect(JSON.parse(json.stdout)).toMatchObject([
    { id: ids[0], kind: 'training', name: 'try 0', status: 'running', metrics: { auc: 0.7 } },
    { id: ids[1], metrics: { auc: 0.9 } },
    { id: ids[2], metrics: { auc: 'NaN' } },
  ])
  const shown = await cli('runs', 'show', ids[1] ?? '')
  expect(shown.stdout).toMatch(new RegExp(`^run +${ids[1]}, training try 1\n`))
  for (const line of [/\nauc +0\.9\n/, /\nlr +0\.1\n/, /\nteam +risk\n/, /\nexperiment +1\n/])
    expect(shown.stdout).toMatch(line)
  expect(await cli('runs', 'show', 'nope')).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^gyre: .*nope/),
  })
  expect(await cli('runs', 'ls', '--filter', 'metrics.auc')).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/filter: /),
  })
})

test('runs are compared side by side, what is not a number too', async () => {
  const [first = '', , third = ''] = ids
  const { code, stdout, stderr } = await cli('runs', 'compare', first, third, '--json')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(JSON.parse(stdout)).toMatchObject({
    runs: [{ id: first }, { id: third }],
    params: { lr: ['0.0', '0.2'] },
    metrics: { auc: [0.7, 'NaN'] },
  })
  const shown = await cli('runs', 'compare', first, third)
  expect(shown.stdout).toMatch(/^≠ +lr +0\.0 +0\.2$/m)
  expect(shown.stdout).toMatch(/^≠ +auc +0\.7 +NaN$/m)
  expect(await cli('runs', 'compare', first)).toMatchObject({
    code: 2,
    stdout: '',
    stderr: 'gyre: ids: expected two runs or more, got one\n',
  })
  expect(await cli('runs', 'compare', first, 'run_0')).toMatchObject({ code: 1, stdout: '' })
})
