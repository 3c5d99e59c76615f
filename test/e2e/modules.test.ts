import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { ask, build, gyre, up } from './program.ts'

beforeAll(build)

async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gyre-modules-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return join(folder, 'data')
}

test('a module that does not exist is refused with those that do', async () => {
  const { code, stderr } = await gyre(['up', '--modules', 'tracking,magic'])
  expect(code).toBe(2)
  expect(stderr).toMatch(/^gyre: --modules\.1: .*"serving".*\n$/)
})

test('tracking alone answers for runs, and says of the rest that it is off', async () => {
  const server = await up(await emptyFolder(), { args: ['--modules', 'tracking'] })
  expect((await ask(`${server.url}/api/v1/runs`)).status).toBe(200)
  for (const [path, module] of [
    ['/api/v1/endpoints', 'serving'],
    ['/api/v1/models', 'registry'],
    ['/api/v1/alerts', 'monitoring'],
    ['/api/v1/pipeline-runs', 'pipelines'],
    ['/api/v1/datasets', 'data'],
    ['/predict/any', 'serving'],
    ['/feedback', 'serving'],
  ] as const) {
    const { status, text } = await ask(server.url + path)
    expect({ path, status }).toEqual({ path, status: 404 })
    expect(JSON.parse(await text())).toMatchObject({
      code: 'NOT_FOUND',
      detail: `${module} is off here: name it in --modules`,
      details: { module },
    })
  }
  expect((await ask(`${server.url}/health`)).status).toBe(200)
})

test('tracking alone takes a run through MLflow’s door and gives it back', async () => {
  const server = await up(await emptyFolder(), { args: ['--modules', 'tracking'] })
  const post = (path: string, body: unknown) =>
    sendJson(`${server.url}/api/2.0/mlflow/${path}`, body)
  const made = await post('runs/create', { experiment_id: '0', start_time: 1_700_000_000_000 })
  const { run_id } = Run.parse(made.body).run.info
  expect(
    await post('runs/log-metric', { run_id, key: 'auc', value: 0.7, timestamp: 1 }),
  ).toMatchObject({ status: 200 })
  const got = await fetch(`${server.url}/api/2.0/mlflow/runs/get?run_id=${run_id}`)
  expect(Run.parse(await got.json()).run.data.metrics).toMatchObject([{ key: 'auc', value: 0.7 }])
})

test('serving alone approves and releases what a whole Gyre trained on its folder, and answers with it', async () => {
  const data = await emptyFolder()
  const project = join(dirname(data), 'shop')
  const whole = await up(data)
  for (const args of [
    ['init', project, '--yes'],
    ['apply', project, '--url', whole.url],
    ['data', 'import', 'customers', '--project', project, '--url', whole.url],
    ['pipeline', 'run', 'train', '--url', whole.url],
  ])
    expect([args, (await gyre(args)).code]).toEqual([args, 0])
  await whole.stop('SIGTERM')

  const server = await up(data, { args: ['--modules', 'serving'] })
  const run = (...args: readonly string[]) => gyre([...args, '--url', server.url])
  const question = { subject: 'c1', input: { plan: 'free', visits: 3, tickets: 1 } }
  const predict = () => sendJson(`${server.url}/predict/shop`, question)
  expect(await predict()).toMatchObject({ status: 503, body: { code: 'UNAVAILABLE' } })
  expect(await run('release', 'shop', 'shop@1')).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/gyre model approve shop@1/),
  })
  for (const args of [
    ['model', 'approve', 'shop@1'],
    ['release', 'shop', 'shop@1'],
    ['model', 'show', 'shop'],
    ['releases'],
  ])
    expect([args, await run(...args)]).toMatchObject([args, { code: 0, stderr: '' }])
  const answer = await predict()
  expect(answer).toMatchObject({ status: 200, body: { model_version: 'model:shop@1' } })
  expect(await run('pipeline', 'run', 'train')).toMatchObject({
    code: 1,
    stderr: 'gyre: pipelines is off here: name it in --modules\n',
  })
})

const Run = z.object({
  run: z.object({
    info: z.object({ run_id: z.string() }),
    data: z.object({ metrics: z.array(z.unknown()).default([]) }),
  }),
})

async function sendJson(url: string, body: unknown) {
  const headers = { 'content-type': 'application/json' }
  const reply = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
  const got: unknown = await reply.json()
  return { status: reply.status, body: got }
}
