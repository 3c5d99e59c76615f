import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { build, gyre, launch, type Running } from './program.ts'

const CONFIG = `
import { boolean, csv, dataset, field, number, pipeline, step, text, timestamp, trainingSet } from '@gyre/sdk'
export const customers = dataset('customers', {
  source: csv('./customers.csv'),
  columns: { at: timestamp(), visits: number().nullable(), spent: number(), left: boolean() },
  at: 'at',
  label: { column: 'left', knownAt: 'at' },
})
export const train = pipeline('train', { hold: text('') }, ({ hold }) => {
  const rows = trainingSet('rows', {
    from: customers,
    until: '2026-02-01T00:00:00Z',
    window: '31d',
    holdout: '6d',
    inputs: [field('visits'), field('spent')],
  })
  step('fit', async () => (await import('./fit.ts')).fit, {
    resume: { maxRun: '10m', maxWait: '20m', every: '50ms' },
  })({ rows: rows.train, hold, seed: 7 })
})
`

/** Its own code saves nothing. */
const FIT = `
import { writeFileSync } from 'node:fs'
import type { RowSet, StepContext } from '@gyre/sdk'
export async function fit(
  { metric, rows, save, train }: StepContext,
  inputs: { readonly rows: RowSet; readonly hold: string },
) {
  const frame = await rows(inputs.rows)
  metric('rows', frame.rows)
  for (const step of [0, 1, 2]) metric('warming', step, step)
  if (inputs.hold !== '') writeFileSync(inputs.hold + '/' + process.pid, '')
  const base = await train.logisticRegression(frame)
  const model = await train.gradientBoosting(frame, { rounds: 1000, learningRate: 0.01, rowShare: 0.5, featureShare: 0.5 })
  metric('weight', base.importance['visits'] ?? 0)
  return { base: await save(base), model: await save(model) }
}
`

/** An hour a row; every ninth customer's visits are unknown. */
function customers(): string {
  const rows = Array.from({ length: 744 }, (_, hour) => {
    const at = new Date(Date.UTC(2026, 0, 1, hour)).toISOString()
    const visits = ((hour * 7919) % 101) / 10
    const spent = ((hour * 104_729) % 1009) / 7 - 50
    const noise = ((hour * 15_485_863) % 97) / 97
    const left = visits / 10 + (spent > 20 ? 0.4 : 0) + noise > 1.2
    return [at, hour % 9 === 0 ? '' : visits, spent, left].join(',')
  })
  return `at,visits,spent,left\n${rows.join('\n')}\n`
}

const Ran = z.object({
  id: z.string(),
  status: z.string(),
  steps: z
    .array(
      z.object({
        step: z.string(),
        runId: z.string().nullable(),
        outputs: z.unknown(),
        error: z.unknown(),
      }),
    )
    .transform((steps) => steps.find(({ step }) => step === 'fit')),
})

let folder: string
let server: Running

const cli = (...args: readonly string[]) =>
  gyre(args, { cwd: join(folder, 'shop'), env: { GYRE_URL: server.url } })

async function start(params: Readonly<Record<string, unknown>>): Promise<string> {
  const reply = await fetch(`${server.url}/api/v1/pipelines/train/runs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ params }),
  })
  return Ran.parse(await reply.json()).id
}

async function ended(id: string) {
  const reply = await fetch(`${server.url}/api/v1/pipeline-runs/${id}?wait=true`)
  return Ran.parse(await reply.json())
}

async function pointsOf(run: string, key: string): Promise<readonly (readonly number[])[]> {
  const reply = await fetch(`${server.url}/api/v1/runs/${run}/metric-history?key=${key}&limit=1000`)
  const { points } = z
    .object({ points: z.array(z.object({ step: z.number(), value: z.number() }).loose()) })
    .loose()
    .parse(await reply.json())
  return points.map(({ step, value }) => [step, value] as const)
}

async function blobs(): Promise<number> {
  const entries = await readdir(join(folder, 'data', 'blobs'), {
    recursive: true,
    withFileTypes: true,
  })
  return entries.filter((entry) => entry.isFile()).length
}

const soon = { timeout: 60_000, interval: 5 }

beforeAll(async () => {
  await build()
  folder = await mkdtemp(join(tmpdir(), 'gyre-trainer-kill-'))
  await mkdir(join(folder, 'shop'))
  const files = {
    'package.json': '{ "name": "shop", "type": "module" }',
    'gyre.config.ts': CONFIG,
    'fit.ts': FIT,
    'customers.csv': customers(),
  }
  for (const [path, content] of Object.entries(files))
    await writeFile(join(folder, 'shop', path), content)
  server = await launch(join(folder, 'data'))
  for (const args of [['apply'], ['data', 'import', 'customers']]) {
    const { code, stderr } = await cli(...args)
    if (code !== 0) throw new Error(stderr)
  }
})

afterAll(async () => {
  await server.stop('SIGKILL')
  await rm(folder, { recursive: true, force: true })
})

test('trainers that know nothing of kills go on after five of them: the same models, each metric once', async () => {
  const whole = await ended(await start({}))
  expect([whole.status, whole.steps?.error]).toEqual(['succeeded', null])

  const hold = join(folder, 'hold')
  await mkdir(hold)
  const id = await start({ hold })
  for (const [kill, signal] of (
    ['SIGKILL', 'SIGTERM', 'SIGKILL', 'restart', 'SIGKILL'] as const
  ).entries()) {
    const pid = await vi.waitFor(async () => {
      const pids = await readdir(hold)
      expect(pids).toHaveLength(kill + 1)
      return Number(pids.find((each) => !seen.has(each)))
    }, soon)
    seen.add(String(pid))
    const before = await blobs()
    await vi.waitFor(async () => expect(await blobs()).toBeGreaterThan(before), soon)
    if (signal === 'restart') {
      await server.stop('SIGKILL')
      server = await launch(join(folder, 'data'))
    } else process.kill(pid, signal)
  }
  const killed = await ended(id)
  expect([killed.status, killed.steps?.error]).toEqual(['succeeded', null])
  expect(await readdir(hold)).toHaveLength(6)
  // Digests of all that a model is.
  expect(killed.steps?.outputs).toEqual(whole.steps?.outputs)
  const [ran, unkilled] = [killed.steps?.runId ?? '', whole.steps?.runId ?? '']
  for (const key of ['rows', 'warming', 'weight'])
    expect(await pointsOf(ran, key)).toEqual(await pointsOf(unkilled, key))
  expect(await pointsOf(ran, 'warming')).toEqual([
    [0, 0],
    [1, 1],
    [2, 2],
  ])
})

const seen = new Set<string>()
