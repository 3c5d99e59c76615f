import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ask, gyre, up } from './program.ts'

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
  ] as const) {
    const { status, text } = await ask(server.url + path)
    expect({ path, status }).toEqual({ path, status: 404 })
    expect(JSON.parse(await text())).toMatchObject({
      code: 'NOT_FOUND',
      detail: `${module} is off here: name it in --modules`,
      details: { module },
    })
  }
  expect((await ask(`${server.url}/predict/any`)).status).toBe(404)
  expect((await ask(`${server.url}/health`)).status).toBe(200)
})
