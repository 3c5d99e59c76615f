import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test, vi } from 'vitest'
import { LINEAR3_ONNX, slowOnnx } from '../../src/infer/fixture.ts'
import { tempFolder } from '../../src/store/contract/temp-folder.ts'
import { build, gyre, launch } from './program.ts'

beforeAll(() => build())

const BODY = JSON.stringify({
  inputs: [{ name: 'features', datatype: 'FP32', shape: [1, 3], data: [1, 2, 0.5] }],
})

test('a shadow, a switch, stages and a bandit, by the commands that a person types', async () => {
  const folder = await tempFolder()
  const file = join(folder, 'churn.onnx')
  await writeFile(file, LINEAR3_ONNX)
  const command = ['serve', file, '--name', 'churn']
  const server = await launch(join(folder, 'data'), { command })
  const { url } = server
  const run = async (...words: string[]): Promise<string> => {
    const { code, stdout, stderr } = await gyre([...words, '--url', url])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    return stdout
  }
  const answeredBy = async (headers: Record<string, string> = {}) => {
    const path = `${url}/v2/models/churn/infer`
    const response = await fetch(path, { method: 'POST', body: BODY, headers })
    expect(response.status).toBe(200)
    return response.headers.get('x-gyre-model-version')
  }
  await writeFile(file, slowOnnx())
  await run('serve', file, '--name', 'churn')
  await run('rollback', 'churn')
  const start = (...options: string[]) =>
    run('release', 'start', 'churn', 'churn@2', '--force', 'a drill', '--why', 'new', ...options)

  expect(await start('--shadow')).toBe('churn: shadow model:churn@1 → model:churn@2, open\n')
  expect(await answeredBy()).toBe('model:churn@1')
  await vi.waitFor(async () => {
    const status = await run('release', 'status', 'churn')
    // 0.7503 of the one, 0.5 of the other.
    expect(status).toContain('agrees on 0 of 1 (0.00 %), 0 failed, 0 dropped')
    expect(status).toMatch(/largest difference 0\.2502/)
  }, 30_000)
  await run('release', 'abort', 'churn', '--why', 'they differ')

  await start('--blue-green')
  expect(await answeredBy()).toBe('model:churn@1')
  expect(await answeredBy({ canary: 'true' })).toBe('model:churn@2')
  await run('release', 'complete', 'churn')
  expect(await answeredBy()).toBe('model:churn@2')
  await run('rollback', 'churn')
  expect(await answeredBy()).toBe('model:churn@1')

  await start('--plan', '10,50,100', '--manual', '--min-samples', '100', '--slow', '1000')
  expect(await run('release', 'status', 'churn')).toMatch(/1 +10 % +under way +manual +100 +errors/)
  await run('release', 'advance', 'churn', '--why', 'a look is enough')
  expect(await run('release', 'status', 'churn')).toMatch(/2 +50 % +under way/)
  await run('release', 'abort', 'churn')

  await start('--bandit')
  expect(await run('release', 'status', 'churn')).toMatch(/model:churn@2 +50 % +0 +0 +0\.5000/)
  await run('rollback', 'churn', '--reason', 'enough')
  const releases = await run('releases')
  for (const kind of ['shadow', 'blue-green', 'canary', 'bandit']) expect(releases).toContain(kind)
  expect((await server.stop('SIGTERM')).code).toBe(0)
})
