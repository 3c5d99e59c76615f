import { spawn } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connect, search, type GyreClient } from '@gyre/sdk/client'
import { PipelineRun } from '@gyre/sdk/wire/pipeline'
import { Run } from '@gyre/sdk/wire/run'
import { SearchSpace, Study, Trial, type TrialParams } from '@gyre/sdk/wire/study'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { tempFolder } from '../../src/store/contract/temp-folder.ts'
import { build, gyre, up, type Running } from './program.ts'
import { send } from './traffic.ts'

beforeAll(() => build())

const BIN = fileURLToPath(new URL('../../bin/gyre.js', import.meta.url))

const Runs = z.object({ runs: z.array(Run) })
const Trials = z.object({ trials: z.array(Trial) })
const Found = z.object({
  runs: z.array(z.object({ info: z.object({ run_id: z.string(), status: z.string() }) })),
})

function clientOf({ url }: Running): GyreClient {
  const client = connect({ url })
  onTestFinished(() => client.close())
  return client
}

/** Every trial that ended stands once, as one run with its value, in Gyre's words and in MLflow's. */
async function checkRuns(client: GyreClient, study: Study): Promise<readonly Trial[]> {
  const { trials } = await client.get(`/api/v1/studies/${study.name}/trials`, Trials)
  expect(trials.map(({ number }) => number)).toEqual(trials.map((_, i) => i))
  const { runs } = await client.get('/api/v1/runs?kind=trial&limit=1000', Runs)
  const byId = new Map(runs.map((run) => [run.id, run]))
  expect(byId.size).toBe(trials.length)
  for (const { run, state, params, value } of trials)
    expect(byId.get(run)).toMatchObject({
      parentId: study.run,
      status: state === 'finished' ? 'succeeded' : 'lost',
      params,
      metrics: state === 'finished' ? { [study.metric]: value } : {},
    })
  const reply = await send(`${client.url}/api/2.0/mlflow/runs/search`, 'POST', {
    experiment_ids: [study.experiment],
    max_results: 1000,
    filter: "attributes.status = 'FINISHED'",
  })
  const finished = trials.filter(({ state }) => state === 'finished').map(({ run }) => run)
  const found = Found.parse(reply?.body).runs.map(({ info }) => info.run_id)
  expect(found.toSorted()).toEqual(finished.toSorted())
  return trials
}

test('after kill -9 in trial 40 of 100 and a restart exactly 100 trials stand, none twice', async () => {
  const data = await tempFolder()
  const first = await up(data)
  const { port } = new URL(first.url)
  const client = clientOf(first)
  const told = new Map<number, number>()
  let killed: Promise<unknown> | undefined
  const restart = async () => {
    await first.stop('SIGKILL')
    await up(data, { args: ['--port', port] })
  }
  const study = await search(
    client,
    {
      name: 'killed',
      over: { x: { kind: 'float', low: 0, high: 1 }, n: { kind: 'int', low: 1, high: 9 } },
      metric: 'loss',
      trials: 100,
      parallel: 4,
      patience: '3s',
    },
    async ({ params, report }) => {
      const loss = (Number(params['x']) - 0.3) ** 2 + Number(params['n'])
      await report(1, loss + 1)
      return loss
    },
    {
      onTrial({ number, value }) {
        told.set(number, value ?? Number.NaN)
        if (told.size === 40) killed = restart()
      },
    },
  )
  await killed
  expect(study).toMatchObject({ state: 'done', counts: { running: 0, finished: 100, failed: 0 } })
  const trials = await checkRuns(client, study)
  const values = new Map(trials.map(({ number, value }) => [number, value]))
  for (const [number, value] of told) expect([number, values.get(number)]).toEqual([number, value])
  expect(told.size).toBe(100)
  expect(study.best?.value).toBe(Math.min(...told.values()))
  expect((await send(`${client.url}/api/v1/event-log/verify`, 'GET'))?.body).toMatchObject({
    ok: true,
  })
})

const SPACE = {
  window: { kind: 'choice', of: ['100d', '200d', '400d'] },
  seed: { kind: 'int', low: 1, high: 50 },
}

test('a search whose worker was killed goes on with the same command, to the asked number of runs', async () => {
  const folder = await tempFolder()
  const project = join(folder, 'shop')
  const server = await up(join(folder, 'data'))
  const client = clientOf(server)
  const env = { GYRE_URL: server.url }
  await gyre(['init', project, '--yes'], { env })
  await gyre(['apply', project], { env })
  await gyre(['data', 'import', 'customers', '--project', project], { env })
  await writeFile(join(folder, 'over.json'), JSON.stringify(SPACE))
  const tune = 'tune train --over over.json --metric good-enough.auc --maximize --trials 6'
  const command = `${tune} --parallel 2 --study shop --patience 3s`.split(' ')

  const worker = spawn(process.execPath, [BIN, ...command], {
    cwd: folder,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  onTestFinished(() => void worker.kill('SIGKILL'))
  for await (const said of worker.stdout) if (/finished/.test(String(said))) break
  worker.kill('SIGKILL')

  const ended = await gyre([...command, '--json'], { cwd: folder, env })
  expect(ended).toMatchObject({ code: 0, stderr: '' })
  const { study } = z.object({ study: Study }).parse(JSON.parse(ended.stdout))
  expect(study).toMatchObject({ state: 'done', counts: { running: 0, finished: 6, failed: 0 } })
  const trials = await checkRuns(client, study)
  const values = trials.flatMap(({ value }) => value ?? [])
  expect(study.best?.value).toBe(Math.max(...values))
  expect(study.best?.value).toBeGreaterThan(0.7)
  for (const { run, params, state } of trials) {
    if (state !== 'finished') continue
    const [by] = (await client.get(`/api/v1/runs/${run}`, Run)).inputs
    const id = by?.ref.slice('run:'.length)
    const worked = await client.get(`/api/v1/pipeline-runs/${id}`, PipelineRun)
    expect(worked).toMatchObject({ status: 'succeeded', params })
  }
  const shown = await gyre(['studies', 'show', 'shop'], { env })
  expect(shown.stdout).toMatch(/^trials +6 finished(, \d lost)? of 6$/m)
  expect((await gyre(['studies', 'ls'], { env })).stdout).toMatch(/^shop +done +6\/6 /m)
})

const GUIDE = new URL('../../docs/guides/search-parameters.md', import.meta.url)

/** Best at a learning rate of 1e-3, three layers, batches of 64. */
function accuracy({ lr, batch, n_layers, dropout = 0.1 }: TrialParams): number {
  const rate = 0.1 * (Math.log10(Number(lr)) + 3) ** 2
  const layers = 0.02 * Math.abs(Number(n_layers) - 3)
  return 1 - rate - layers - (batch === 64 ? 0 : 0.05) - (Number(dropout) - 0.2) ** 2
}

test('the space of the guide: a hundred trials in parallel are a hundred runs, and the best is read back', async () => {
  const [, space = ''] = /```json\n([^`]+)```/.exec(await readFile(GUIDE, 'utf8')) ?? []
  const over = SearchSpace.parse(JSON.parse(space))
  const client = clientOf(await up(await tempFolder()))
  const study = await search(
    client,
    { name: 'mlp', over, metric: 'accuracy', direction: 'maximize', trials: 100, parallel: 4 },
    async ({ params }) => accuracy(params),
  )
  expect(study).toMatchObject({ state: 'done', counts: { finished: 100, lost: 0 } })
  const trials = await checkRuns(client, study)
  expect(trials).toHaveLength(100)
  const params = study.best?.params ?? {}
  expect(study.best?.value).toBe(accuracy(params))
  expect(study.best?.value).toBeGreaterThan(0.95)
  const [most] = Object.entries(study.importance).toSorted(([, a], [, b]) => b - a)
  expect(most?.[0]).toBe('lr')
  for (const trial of trials) {
    expect(Number(trial.params['lr'])).toBeGreaterThanOrEqual(1e-5)
    expect([16, 32, 64, 128]).toContain(trial.params['batch'])
    expect('dropout' in trial.params).toBe(trial.params['n_layers'] !== 1)
  }
})

test('an objective that throws has failed, one that is beaten is pruned, and what is called off goes on later', async () => {
  const client = clientOf(await up(await tempFolder()))
  const spec = {
    name: 'pruned',
    over: { n: { kind: 'int', low: 0, high: 9 } },
    sampler: { kind: 'grid' },
    pruner: { kind: 'asha', reduction: 2 },
    patience: '1s',
  } as const
  const off = new AbortController()
  const called = search(
    client,
    spec,
    ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(new Error('called off')))
        off.abort(new Error('enough'))
      }),
    { signal: off.signal },
  )
  await expect(called).rejects.toThrow('enough')

  const steps: number[] = []
  const study = await search(client, spec, async ({ params, report }) => {
    const n = Number(params['n'])
    if (n === 9) throw new Error('nine is too many')
    await report(1, n)
    steps.push(n)
    return n
  })
  expect(study.counts).toEqual({ running: 0, finished: 1, pruned: 8, failed: 1, lost: 1 })
  expect(steps, 'what is pruned does not go on after its report').toEqual([0])
  expect(study.best).toMatchObject({ params: { n: 0 }, value: 0 })
  const { trials } = await client.get('/api/v1/studies/pruned/trials', Trials)
  const failed = trials.find(({ state }) => state === 'failed')
  expect(await client.get(`/api/v1/runs/${failed?.run}`, Run)).toMatchObject({
    status: 'failed',
    error: { message: 'nine is too many' },
  })
  expect(trials.map(({ params }) => params['n'])).toEqual([0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
})
