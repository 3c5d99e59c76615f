import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PipelineRun } from '@gyre/sdk/wire/pipeline'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { begin, build, gyre, launch, type Running } from './program.ts'

const CONFIG = `
import { csv, dataset, int, pipeline, python, setting, step, text } from '@gyre/sdk'
export const visits = dataset('visits', { source: csv('./visits.csv'), columns: { clicks: int() } })
const slow = setting('slow', 1)
export const odd = pipeline('odd', { mode: text() }, ({ mode }) => {
  step('fit', async () => (await import('./fit.ts')).fit)({ mode, slow })
})
export const script = pipeline('script', {}, () => {
  step('load', python('load.py'))({})
})
export const many = pipeline('many', {}, () => {
  step('each', async () => (await import('./fit.ts')).each).map(['at', 'de', 'xx'], (country) => ({ country }))
})
export const waiting = pipeline('waiting', {}, () => {
  step('wait', async () => (await import('./fit.ts')).wait)({})
})
`

const FIT = `
import type { StepContext } from '@gyre/sdk'
export async function fit(_ctx: StepContext, { mode }: { readonly mode: string }) {
  const holder: { self?: object } = {}
  holder.self = holder
  if (mode === 'nan') return { scores: { auc: 0 / 0 } }
  if (mode === 'cyclic') return { model: holder }
  return mode === 'big' ? 'x'.repeat(50_000_000) : { fine: true }
}
export async function each(_ctx: StepContext, { country }: { readonly country: string }) {
  if (country === 'xx') throw new RangeError('no such country\\nas xx')
  return country
}
export async function wait({ signal }: StepContext) {
  await new Promise((resolve) => signal.addEventListener('abort', resolve))
  return {}
}
`

let folder: string
let server: Running

const cli = (...args: readonly string[]) =>
  gyre(args, { cwd: folder, env: { GYRE_URL: server.url } })

beforeAll(async () => {
  await build()
  folder = await mkdtemp(join(tmpdir(), 'gyre-pipeline-command-'))
  const files = {
    'package.json': '{ "name": "shop", "type": "module" }',
    'gyre.config.ts': CONFIG,
    'fit.ts': FIT,
    'visits.csv': 'clicks,page\n1,a\nmany,b\n',
    'torn.csv': 'clicks,page\n1,a\n2,b,c\n3,d\n4,e\n',
    'load.py': 'print("loading")\nimport nowhere_at_all\n',
  }
  for (const [path, content] of Object.entries(files)) await writeFile(join(folder, path), content)
  await mkdir(join(folder, 'data'))
  server = await launch(join(folder, 'data'))
  const { code, stderr } = await cli('apply')
  if (code !== 0) throw new Error(stderr)
})

afterAll(async () => {
  await server.stop('SIGKILL')
  await rm(folder, { recursive: true, force: true })
})

async function newest(): Promise<PipelineRun> {
  const reply = await fetch(`${server.url}/api/v1/pipeline-runs?limit=1`)
  return z.object({ runs: z.tuple([PipelineRun]) }).parse(await reply.json()).runs[0]
}

test.each([
  ['nan', 'step fit: result.scores.auc: expected JSON, got NaN'],
  ['cyclic', 'step fit: result.model.self: expected JSON, got an object that holds itself'],
  [
    'big',
    'step fit: result: expected at most 1000000 bytes of JSON, got 50000002; keep it as a file, and give its digest',
  ],
])('a result that cannot be kept (%s) is refused by its place', async (mode, message) => {
  expect((await cli('pipeline', 'run', 'odd', '--param', `mode=${mode}`)).code).toBe(1)
  const error = (await newest()).steps[0]?.error
  expect([error?.code, error?.message.split('\n')[0]]).toEqual(['STEP_FAILED', message])
})

test('a table shows the line that matters; gyre runs show has them all', async () => {
  const { stdout } = await cli('pipeline', 'run', 'script')
  expect(stdout).toContain(
    "load.py ended with exit code 1: ModuleNotFoundError: No module named 'nowhere_at_all'",
  )
  const [, id = ''] = /^in full: gyre runs show (run_\w+)$/m.exec(stdout) ?? []
  const shown = await cli('runs', 'show', id)
  expect(shown.stdout).toMatch(/^status +failed$/m)
  expect(shown.stdout).toMatch(/^error +load\.py ended with exit code 1$/m)
  expect(shown.stdout).toMatch(/^ +Traceback \(most recent call last\):$/m)
  const fanned = await cli('pipeline', 'run', 'many')
  expect(fanned.stdout).toMatch(/1 of 3 items failed; item 2: RangeError: no such country/)
})

test('the ended run as JSON says that no gate refused; with a failure the exit code is 1 all the same', async () => {
  const ended = await cli('pipeline', 'run', 'odd', '--param', 'mode=good', '--json')
  const run = JSON.parse(ended.stdout)
  expect([ended.code, run]).toMatchObject([0, { status: 'succeeded', refused: [] }])
  const { id } = await newest()
  expect(JSON.parse((await cli('pipeline', 'show', id, '--json')).stdout)).toEqual(run)
  const failed = await cli('pipeline', 'run', 'script', '--json')
  expect([failed.code, JSON.parse(failed.stdout)]).toMatchObject([1, { status: 'failed' }])
})

test('Ctrl-C says that the run goes on, and how to end it', async () => {
  const running = begin(['pipeline', 'run', 'waiting'], {
    cwd: folder,
    env: { GYRE_URL: server.url },
  })
  const { id } = await vi.waitFor(
    async () => {
      const run = await newest()
      expect(run).toMatchObject({ pipeline: 'waiting', steps: [{ state: 'leased' }] })
      return run
    },
    { timeout: 30_000, interval: 50 },
  )
  process.kill(running.pid, 'SIGINT')
  const { code, stderr } = await running.ended
  expect(stderr).toBe(
    `\n${id} goes on: follow it with gyre pipeline show ${id}, end it with gyre pipeline cancel ${id}\n`,
  )
  expect(code).toBe(130)
  expect((await newest()).status).toBe('running')
  expect((await cli('pipeline', 'cancel', id)).stdout).toContain('cancelled')
})

test('names that nothing has are refused with those there are', async () => {
  expect(await cli('apply', '--set', 'zz=1')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('setting zz: the project has no such setting; it has slow'),
  })
  expect(await cli('runs', 'ls', '--kind', 'nope')).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringMatching(
      /^gyre: kind: expected one that a run has \(pipeline, training\), got nope/,
    ),
  })
  const { stdout } = await cli('pipeline', 'ls', '--limit', '1')
  expect(stdout.trim().split('\n')).toHaveLength(2)
})

test('a bad line of a file is told by file, line and column', async () => {
  expect(await cli('data', 'import', 'visits')).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /^gyre: \S*visits\.csv:3: visits: column clicks breaks type=int in 1 of 2 rows .*, first on line 3: "many"\n$/,
    ),
  })
  expect(await cli('data', 'import', 'visits', '--file', 'torn.csv')).toMatchObject({
    code: 2,
    stderr:
      'gyre: torn.csv:3: source: not readable as csv: line 3: expected 2 columns, got 3: 2,b,c\n',
  })
})

test('a search for what its step does not log ends with the first trial', async () => {
  await writeFile(join(folder, 'over.json'), '{"mode":{"kind":"choice","of":["a","b"]}}')
  const asked = ['tune', 'odd', '--over', join(folder, 'over.json'), '--maximize', '--trials', '9']
  const ended = await cli(...asked, '--metric', 'fit.auc')
  const { id, pipeline } = await newest()
  expect(pipeline).toBe('odd')
  expect([ended.code, ended.stderr]).toEqual([
    2,
    `gyre: --metric: step fit logged no auc in pipeline run ${id}; it logged nothing: the search has stopped; "gyre studies rm odd" frees its name for another metric\n`,
  ])
  const { stdout } = await cli('studies', 'show', 'odd', '--json')
  const counts = { running: 0, finished: 0, failed: 1 }
  expect(JSON.parse(stdout)).toMatchObject({ study: { counts } })
  expect((await cli('studies', 'rm', 'odd', '--yes')).code).toBe(0)
})
