import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { LINEAR3_OF_1_2_HALF, LINEAR3_ONNX, slowOnnx } from '../../src/infer/fixture.ts'
import { tempFolder } from '../../src/store/contract/temp-folder.ts'
import { build, gyre, launch } from './program.ts'

beforeAll(() => build())

const Reply = z.object({
  id: z.string(),
  model_name: z.string(),
  model_version: z.string(),
  outputs: z.array(
    z.object({ name: z.string(), shape: z.array(z.number()), data: z.array(z.number()) }),
  ),
})

const ROW = { name: 'features', datatype: 'FP32', shape: [1, 3], data: [1, 2, 0.5] }

async function infer(url: string, body: string | Buffer, headers: Record<string, string> = {}) {
  return fetch(`${url}/v2/models/churn/infer`, { method: 'POST', body, headers })
}

test('a file is served by one command, a second start serves the same version, another file the next', async () => {
  const folder = await tempFolder()
  const [data, file] = [join(folder, 'data'), join(folder, 'churn.onnx')]
  await writeFile(file, LINEAR3_ONNX)
  const command = ['serve', file, '--name', 'churn']

  const first = await launch(data, { command })
  const response = await infer(first.url, JSON.stringify({ id: '7', inputs: [ROW] }))
  expect(response.headers.get('x-gyre-variant')).toBe('stable')
  expect(response.headers.get('x-gyre-model-version')).toBe('model:churn@1')
  const reply = Reply.parse(await response.json())
  expect(reply).toMatchObject({ id: '7', model_name: 'churn', model_version: '1' })
  expect(reply.outputs[0]?.data[0]).toBeCloseTo(LINEAR3_OF_1_2_HALF, 6)
  const brought = await gyre(['serve', file, '--name', 'churn', '--url', first.url])
  expect(brought).toMatchObject({ code: 0, stderr: '' })
  expect(brought.stdout).toContain('model:churn@1 answers POST')
  await writeFile(file, slowOnnx())
  const next = await gyre(['serve', file, '--name', 'churn', '--url', first.url])
  expect(next.stdout).toContain('model:churn@2 answers POST')
  expect((await first.stop('SIGTERM')).code).toBe(0)

  const again = await launch(data, { command: ['serve', file, '--name', 'churn'] })
  const later = await infer(again.url, JSON.stringify({ id: '8', inputs: [ROW] }))
  expect(Reply.parse(await later.json())).toMatchObject({
    model_version: '2',
    outputs: [{ data: [0.5] }],
  })
  expect((await again.stop('SIGTERM')).code).toBe(0)
})

test('tensors go in and out as bytes, packed or not', async () => {
  const folder = await tempFolder()
  const file = join(folder, 'churn.onnx')
  await writeFile(file, LINEAR3_ONNX)
  const server = await launch(join(folder, 'data'), { command: ['serve', file] })
  const { data: _, ...declared } = ROW
  const json = Buffer.from(
    JSON.stringify({
      inputs: [{ ...declared, parameters: { binary_data_size: 12 } }],
      parameters: { binary_data_output: true },
    }),
  )
  const body = Buffer.concat([json, Buffer.from(Float32Array.of(1, 2, 0.5).buffer)])
  const headers = { 'inference-header-content-length': String(json.length) }
  for (const [sent, more] of [
    [body, {}],
    [gzipSync(body), { 'content-encoding': 'gzip' }],
  ] as const) {
    const response = await infer(server.url, sent, { ...headers, ...more })
    const bytes = Buffer.from(await response.arrayBuffer())
    const length = Number(response.headers.get('inference-header-content-length'))
    expect(JSON.parse(bytes.subarray(0, length).toString())).toMatchObject({
      outputs: [{ name: 'probability', parameters: { binary_data_size: 4 } }],
    })
    expect(bytes.readFloatLE(length)).toBeCloseTo(LINEAR3_OF_1_2_HALF, 6)
  }
  expect((await server.stop('SIGTERM')).code).toBe(0)
})

test('what is no model is told by one line, and nothing answers for it', async () => {
  const folder = await tempFolder()
  const file = join(folder, 'broken.onnx')
  await writeFile(file, 'hello')
  const { code, stderr } = await gyre([
    'serve',
    file,
    '--port',
    '0',
    '--data',
    join(folder, 'data'),
  ])
  expect(code).toBe(1)
  expect(stderr).toMatch(/^gyre: model:broken@1 would not load: .*expected an ONNX file.*\n$/)
  const missing = await gyre(['serve', join(folder, 'gone.onnx'), '--port', '0', '--data', folder])
  expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining('gone.onnx') })
})
