import { cp, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { LINEAR3_OF_1_2_HALF, LINEAR3_ONNX, logitsOnnx } from '../../src/infer/fixture.ts'
import { tempFolder } from '../../src/store/contract/temp-folder.ts'
import { build, gyre, launch, up } from './program.ts'

beforeAll(() => build())

const ROW = { name: 'features', datatype: 'FP32', shape: [1, 3], data: [1, 2, 0.5] }

const Reply = z.object({
  model_version: z.string(),
  outputs: z.array(z.object({ data: z.array(z.number()) })),
})

async function put(folder: string, path: string, content: string | Uint8Array): Promise<void> {
  const to = join(folder, path)
  await mkdir(join(to, '..'), { recursive: true })
  await writeFile(to, content)
}

/** Rows of weights: the answer to ROW is 1·w0 + 2·w1 + 0.5·w2. */
const SEVEN = logitsOnnx([[1], [2], [4]])
const NINE = logitsOnnx([[3], [2], [4]])

async function ask(url: string, path: string): Promise<Response> {
  const body = JSON.stringify({ inputs: [ROW] })
  return fetch(`${url}/v2/models/${path}/infer`, { method: 'POST', body })
}

async function answer(url: string, path: string): Promise<readonly [string, number | undefined]> {
  const { model_version: version, outputs } = Reply.parse(await (await ask(url, path)).json())
  return [version, outputs[0]?.data[0]]
}

async function post(url: string, path: string, body?: unknown) {
  const response = await fetch(`${url}/v2/repository/${path}`, {
    method: 'POST',
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  return { status: response.status, body: await response.json() }
}

const FAST = ['--poll-seconds', '0.2']

test('what is no folder of models is refused by one line', async () => {
  const folder = await tempFolder()
  const data = ['--port', '0', '--data', join(folder, 'data')]
  const gone = await gyre(['up', '--model-repository', join(folder, 'gone'), ...data])
  expect(gone.stderr).toMatch(/^gyre: model repository .*gone.*\n$/)
  const named = await gyre(['serve', folder, '--name', 'x', ...data])
  expect(named).toMatchObject({ code: 2, stderr: expect.stringMatching(/^gyre: --name: .*\n$/) })
  const often = await gyre(['serve', folder, '--poll-seconds', 'x', ...data])
  expect(often.stderr).toMatch(/^gyre: --poll-seconds: expected a number.*\n$/)
})

test('a repository is served by its own numbers and policy, and what is wrong with a model is its own', async () => {
  const folder = await tempFolder()
  const models = join(folder, 'models')
  await put(models, 'churn/3/model.onnx', LINEAR3_ONNX)
  await put(models, 'churn/7/model.onnx', SEVEN)
  await put(models, 'churn/config.pbtxt', 'max_batch_size: 4 version_policy { all {} }')
  await put(models, 'fixed/1/graph.onnx', SEVEN)
  await put(models, 'fixed/2/graph.onnx', NINE)
  await put(
    models,
    'fixed/config.pbtxt',
    `name: "fixed" version_policy { specific { versions: 1 } } max_batch_size: 0
     default_model_filename: "graph.onnx" instance_group { count: 1 kind: KIND_CPU }`,
  )
  await put(models, 'talk/1/model.onnx', SEVEN)
  await put(models, 'talk/config.pbtxt', 'sequence_batching { }')
  await put(models, 'broken/1/model.onnx', 'hello')
  await put(models, 'other/1/model.onnx', SEVEN)
  await put(models, 'other/config.pbtxt', 'input { name: "x" data_type: TYPE_FP32 dims: 3 }')
  const server = await up(join(folder, 'data'), { command: ['serve', models] })

  expect((await fetch(`${server.url}/v2/health/ready`)).status).toBe(200)
  expect(await answer(server.url, 'churn')).toEqual(['7', 7])
  expect(await answer(server.url, 'churn/versions/7')).toEqual(['7', 7])
  expect(await answer(server.url, 'churn/versions/3')).toEqual([
    '3',
    expect.closeTo(LINEAR3_OF_1_2_HALF, 6),
  ])
  expect(await answer(server.url, 'fixed')).toEqual(['1', 7])
  expect((await ask(server.url, 'fixed/versions/2')).status).toBe(404)
  const config = async (name: string): Promise<unknown> =>
    (await fetch(`${server.url}/v2/models/${name}/config`)).json()
  expect(await config('churn')).toMatchObject({ max_batch_size: 4 })
  expect(await config('fixed')).toMatchObject({ max_batch_size: 0 })

  const index = await post(server.url, 'index')
  expect(index.body).toEqual([
    { name: 'churn', version: '7', state: 'READY', reason: '' },
    { name: 'churn', version: '3', state: 'READY', reason: '' },
    { name: 'fixed', version: '1', state: 'READY', reason: '' },
    {
      name: 'broken',
      version: '1',
      state: 'UNAVAILABLE',
      reason: expect.stringContaining('expected an ONNX file'),
    },
    {
      name: 'other',
      version: '1',
      state: 'UNAVAILABLE',
      reason: 'input x: the graph has no such tensor, it has features',
    },
    {
      name: 'talk',
      state: 'UNAVAILABLE',
      reason: expect.stringMatching(/^talk\/config.pbtxt: sequence_batching: cannot be honoured/),
    },
  ])
})

test('a new version takes over without a failed request, a broken and a removed one leave what serves', async () => {
  const folder = await tempFolder()
  const models = join(folder, 'models')
  const data = join(folder, 'data')
  await put(models, 'churn/1/model.onnx', SEVEN)
  const command = ['serve', models, ...FAST]
  const server = await launch(data, { command })
  const failures: unknown[] = []
  const seen = new Set<string>()
  let asked = 0
  const over = new AbortController()
  const callers = Array.from({ length: 8 }, async () => {
    while (!over.signal.aborted) {
      const response = await ask(server.url, 'churn')
      asked += 1
      if (response.status !== 200) failures.push(await response.text())
      else {
        const { model_version: version, outputs } = Reply.parse(await response.json())
        seen.add(`${version}: ${outputs[0]?.data[0]}`)
      }
    }
  })
  const index = async () => (await post(server.url, 'index')).body

  await put(folder, 'staged/model.onnx', NINE)
  await rename(join(folder, 'staged'), join(models, 'churn/2'))
  await vi.waitFor(() => expect(seen).toContain('2: 9'), { timeout: 30_000 })
  await put(models, 'churn/3/model.onnx', NINE.subarray(0, 40))
  await vi.waitFor(
    async () =>
      expect(await index()).toEqual([
        { name: 'churn', version: '2', state: 'READY', reason: '' },
        { name: 'churn', version: '3', state: 'UNAVAILABLE', reason: expect.any(String) },
      ]),
    { timeout: 30_000 },
  )
  expect(await answer(server.url, 'churn')).toEqual(['2', 9])
  // The same number, now whole: it was never registered.
  await put(models, 'churn/3/model.onnx', SEVEN)
  await vi.waitFor(() => expect(seen).toContain('3: 7'), { timeout: 30_000 })
  await rm(join(models, 'churn/3'), { recursive: true })
  await vi.waitFor(async () => expect(await answer(server.url, 'churn')).toEqual(['2', 9]), {
    timeout: 30_000,
  })
  await rm(join(models, 'churn'), { recursive: true })
  const before = asked
  await vi.waitFor(() => expect(asked).toBeGreaterThan(before + 200), { timeout: 30_000 })
  over.abort()
  await Promise.all(callers)
  expect(failures).toEqual([])
  expect(seen).toEqual(new Set(['1: 7', '2: 9', '3: 7']))
  expect(asked).toBeGreaterThan(200)
  expect(await answer(server.url, 'churn')).toEqual(['2', 9])
  expect((await server.stop('SIGTERM')).code).toBe(0)

  // What was rolled back stays so, over a restart; changed bytes under an old number are refused.
  await put(models, 'churn/2/model.onnx', NINE)
  await put(models, 'churn/4/model.onnx', SEVEN)
  await put(models, 'churn/config.pbtxt', 'version_policy { all {} }')
  const again = await launch(data, { command })
  expect(await answer(again.url, 'churn')).toEqual(['4', 7])
  expect(await gyre(['rollback', 'churn', '--url', again.url])).toMatchObject({ code: 0 })
  expect(await answer(again.url, 'churn')).toEqual(['2', 9])
  expect((await again.stop('SIGTERM')).code).toBe(0)
  await put(models, 'churn/4/model.onnx', LINEAR3_ONNX)
  const last = await up(data, { command })
  expect(await answer(last.url, 'churn')).toEqual(['2', 9])
  expect((await post(last.url, 'index')).body).toContainEqual({
    name: 'churn',
    version: '4',
    state: 'UNAVAILABLE',
    reason: expect.stringContaining('model:churn@4 is registered with other files'),
  })
})

test('models are loaded and unloaded by hand', async () => {
  const folder = await tempFolder()
  const models = join(folder, 'models')
  await put(models, 'churn/1/model.onnx', SEVEN)
  const server = await up(join(folder, 'data'), {
    command: ['serve', models, '--poll-seconds', '0'],
  })
  const { url } = server
  const config = { parameters: { config: '{}' } }
  expect(await post(url, 'models/churn/load', config)).toMatchObject({
    status: 400,
    body: { error: expect.stringMatching(/^parameters\.config: /) },
  })
  expect(await post(url, 'models/nope/load')).toMatchObject({ status: 404 })
  expect(await post(url, 'models/nope/unload')).toMatchObject({ status: 404 })

  const unloading = { parameters: { unload_dependents: false } }
  expect(await post(url, 'models/churn/unload', unloading)).toEqual({ status: 200, body: {} })
  expect((await ask(url, 'churn')).status).toBe(503)
  expect((await post(url, 'index')).body).toEqual([
    { name: 'churn', version: '1', state: 'UNAVAILABLE', reason: 'unloaded' },
  ])
  await cp(join(models, 'churn/1'), join(models, 'churn/2'), { recursive: true })
  await put(models, 'churn/2/model.onnx', NINE)
  expect(await post(url, 'models/churn/load')).toEqual({ status: 200, body: {} })
  expect(await answer(url, 'churn')).toEqual(['2', 9])
  await put(models, 'churn/3/model.onnx', 'hello')
  expect(await post(url, 'models/churn/load', {})).toMatchObject({
    status: 503,
    body: { error: expect.stringContaining('expected an ONNX file') },
  })
  expect(await answer(url, 'churn')).toEqual(['2', 9])
})
