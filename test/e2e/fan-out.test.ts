import { spawnSync } from 'node:child_process'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PipelineRun } from '@gyre/sdk/wire/pipeline'
import { StepItems } from '@gyre/sdk/wire/step'
import { beforeAll, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { tempFolder } from '../../src/store/contract/temp-folder.ts'
import { childrenOf } from './processes.ts'
import { build, gyre, launch, up, type Running } from './program.ts'

beforeAll(build)

const hasPython = spawnSync('python3', ['--version']).status === 0
const History = z.object({ points: z.array(z.object({ step: z.number(), value: z.number() })) })
const PATIENT = { timeout: 60_000, interval: 50 }

const CONFIG = `
import { int, list, pipeline, python, setting, step } from '@gyre/sdk'
const folder = setting('folder', '')
const score = step('score', async () => (await import('./score.ts')).score, { timeout: '2s' })
const patient = step('score', async () => (await import('./score.ts')).score)
const twice = step<{ n: number }, { twice: number; seed: string }>('twice', python('twice.py'))
export const one = pipeline('one', { items: list<number>(), seed: int(7) }, ({ items }) => {
  patient.map(items, (n) => ({ n, folder }), { concurrency: 1 })
})
export const two = pipeline('two', { items: list<number>(), seed: int(7) }, ({ items }) => {
  score.map(items, (n) => ({ n, folder }), { concurrency: 2 })
})
export const scripts = pipeline('scripts', { items: list<{ n: number }>() }, ({ items }) => {
  twice.map(items, ({ n }) => ({ n }), { concurrency: 2 })
})
export const both = pipeline('both', { items: list<number>() }, ({ items }) => {
  step<{ n: number }, unknown>('alone', python('curve.py'))({ n: 3 })
  step<{ n: number }, unknown>('each', python('curve.py')).map(items, (n) => ({ n }))
})
`

/** Tells of every item that it begins; 400 waits while it is held, 13 computes for ever, 14 ends its process. */
const SCORE = `
import { appendFileSync, existsSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { StepContext } from '@gyre/sdk'
export async function score(ctx: StepContext, { n, folder }: { n: number; folder: string }) {
  appendFileSync(folder + '/begun', n + ' ' + process.pid + '\\n')
  while (n === 400 && existsSync(folder + '/hold')) await delay(20)
  if (n === 13) for (;;);
  if (n === 14) process.exit(5)
  ctx.metric('n', n)
  return { n, double: 2 * n }
}
`

const TWICE = `
import json, os
with open(os.environ['GYRE_INPUTS']) as file:
    n = json.load(file)['n']
if n < 0:
    raise ValueError(f'no {n}')
with open(os.environ['GYRE_REPORT'], 'w') as report:
    print(json.dumps({'output': 'twice', 'value': 2 * n}), file=report)
    print(json.dumps({'output': 'seed', 'value': os.environ['GYRE_SEED']}), file=report)
    print(json.dumps({'metric': 'n', 'value': n}), file=report)
`

/** A curve that falls to 1 / n. */
const CURVE = `
import json, os
with open(os.environ['GYRE_INPUTS']) as file:
    n = json.load(file)['n']
with open(os.environ['GYRE_REPORT'], 'w') as report:
    for step in range(n):
        print(json.dumps({'metric': 'loss', 'value': 1 / (step + 1), 'step': step}), file=report)
`

async function newProject() {
  const folder = await tempFolder()
  const [project, data] = [join(folder, 'many'), join(folder, 'data')]
  await mkdir(project)
  await writeFile(join(project, 'package.json'), '{"name":"many","type":"module"}')
  await writeFile(join(project, 'gyre.config.ts'), CONFIG)
  await writeFile(join(project, 'score.ts'), SCORE)
  await writeFile(join(project, 'twice.py'), TWICE)
  await writeFile(join(project, 'curve.py'), CURVE)
  const begun = async (): Promise<readonly [n: number, pid: number][]> => {
    const text = await readFile(join(folder, 'begun'), 'utf8').catch(() => '')
    return text
      .split('\n')
      .slice(0, -1)
      .map((line) => {
        const [n, pid] = line.split(' ').map(Number)
        return [n ?? Number.NaN, pid ?? Number.NaN]
      })
  }
  const apply = async ({ url }: Running): Promise<void> => {
    const args = ['apply', project, '--set', `folder=${folder}`, '--url', url]
    expect(await gyre(args)).toMatchObject({ stderr: '', code: 0 })
  }
  return { folder, data, begun, apply }
}

async function ask<T>(url: string, shape: z.ZodType<T>, body?: unknown): Promise<T> {
  const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(url, body === undefined ? {} : { ...init, headers })
  return shape.parse(await response.json())
}

const start = ({ url }: Running, pipeline: string, items: readonly unknown[]) =>
  ask(`${url}/api/v1/pipelines/${pipeline}/runs`, PipelineRun, { params: { items } })
const ended = ({ url }: Running, { id }: PipelineRun) =>
  ask(`${url}/api/v1/pipeline-runs/${id}?wait=true`, PipelineRun)
const stepOf = ({ steps: [step] }: PipelineRun) => {
  if (!step) throw new Error('no step')
  return step
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n)
const times = (begun: readonly (readonly [n: number, pid: number])[], n: number) =>
  begun.filter(([each]) => each === n).length

test('kill -9 of the server at item 400 of 1,000: exactly the others are done, in processes that are few', async () => {
  const { folder, data, begun, apply } = await newProject()
  await writeFile(join(folder, 'hold'), '')
  const dying = await launch(data)
  await apply(dying)
  const items = numbers(1_000).map((n) => n + (n === 13 || n === 14 ? 5_000 : 0))
  const run = await start(dying, 'one', items)
  // What is done is told while item 400 is held.
  await vi.waitFor(async () => {
    const now = await ask(`${dying.url}/api/v1/pipeline-runs/${run.id}`, PipelineRun)
    expect(stepOf(now).items).toMatchObject({ total: 1_000, succeeded: 400 })
  }, PATIENT)
  await dying.stop('SIGKILL')
  await rm(join(folder, 'hold'))

  const server = await up(data)
  const done = await ended(server, run)
  expect(done.status).toBe('succeeded')
  expect(stepOf(done)).toMatchObject({
    attempt: 2,
    items: { total: 1_000, succeeded: 1_000, cached: 0, failed: 0 },
    outputs: items.map((n) => ({ n, double: 2 * n })),
  })
  const told = await begun()
  expect(items.filter((n) => times(told, n) !== 1)).toEqual([400])
  expect(times(told, 400)).toBe(2)
  expect(new Set(told.map(([, pid]) => pid)).size).toBe(2)
  const path = `pipeline-runs/${run.id}/steps/score/items?limit=1000`
  const kept = await ask(`${server.url}/api/v1/${path}`, StepItems)
  const again = kept.items.filter(({ attempt }) => attempt !== 1).map(({ item }) => item)
  expect(again).toEqual(
    // Those that its process had taken besides were lost with it.
    numbers(again.length).map((n) => 400 + n),
  )
  expect(again.length).toBeGreaterThan(0)

  // One item changed: one item is done, and nothing starts where none is.
  const changed = await ended(server, await start(server, 'one', items.with(7, 70_000)))
  expect(stepOf(changed).items).toEqual({ total: 1_000, succeeded: 1_000, cached: 999, failed: 0 })
  expect((await begun()).slice(told.length).map(([n]) => n)).toEqual([70_000])
  await ended(server, await start(server, 'one', items.toReversed()))
  expect(await begun()).toHaveLength(told.length + 1)
  // One that waits for a next step does not wait for long.
  await vi.waitFor(async () => {
    expect(await childrenOf(server.pid, /runner/)).toEqual([])
  }, PATIENT)
})

test('an item that hangs and one that ends its process fail by themselves, and the command line tells', async () => {
  const { data, begun, apply } = await newProject()
  const server = await up(data)
  await apply(server)
  const run = await ended(server, await start(server, 'two', numbers(40)))
  expect(run.status).toBe('failed')
  const step = stepOf(run)
  expect(step.items).toEqual({ total: 40, succeeded: 38, cached: 0, failed: 2 })
  expect(step.error?.message).toContain(
    '2 of 40 items failed\nitem 13: took longer than its time-out',
  )
  expect(step.error?.message).toContain('item 14: its process ended with exit code 5')
  const cli = (...args: readonly string[]) => gyre([...args, '--url', server.url])
  expect((await cli('pipeline', 'show', run.id)).stdout).toContain('38 of 40, 2 failed')
  const failed = await cli('pipeline', 'items', run.id, 'score', '--state', 'failed')
  expect(failed.stdout.split('\n').slice(1, 3)).toEqual([
    expect.stringMatching(/^ +13 {2}failed +1 {2}\{"folder".*took longer/),
    expect.stringMatching(/^ +14 {2}failed +1 {2}\{"folder".*exit code 5/),
  ])
  const why = await cli('why', 'score', '--run', run.id, '--item', '3')
  expect(why.stdout).toBe(`item 3 of score of ${run.id} ran: it never succeeded before\n`)
  expect(await cli('why', 'score', '--item', 'x')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('item: '),
  })
  const before = (await begun()).length
  const again = await ended(
    server,
    await start(
      server,
      'two',
      numbers(40).filter((n) => n !== 13 && n !== 14),
    ),
  )
  expect(stepOf(again).items).toMatchObject({ succeeded: 38, cached: 38 })
  expect(await begun()).toHaveLength(before)
})

test.skipIf(!hasPython)(
  'a script is run for every item, each with its own seed and place in the cache',
  async () => {
    const { data, apply } = await newProject()
    const server = await up(data)
    await apply(server)
    const items = [1, 2, 1, -1].map((n) => ({ n, unread: n }))
    const failed = await ended(server, await start(server, 'scripts', items))
    expect(stepOf(failed)).toMatchObject({ items: { succeeded: 2, failed: 1 } })
    expect(stepOf(failed).error?.message).toMatch(
      /^1 of 4 items failed\nitem 3: twice\.py ended with exit code 1/,
    )
    // What an item has besides what the script reads is no part of its key.
    const good = items.slice(0, 3).map(({ n }) => ({ n, unread: 'new' }))
    const done = await ended(server, await start(server, 'scripts', good))
    // The first 32 bits of `printf '[0,{"n":1}]' | sha256sum`, and of 2.
    const [seed1, seed2] = ['3590819524', '3291835212']
    expect(stepOf(done)).toMatchObject({
      items: { succeeded: 3, cached: 3 },
      outputs: [
        { twice: 2, seed: seed1 },
        { twice: 4, seed: seed2 },
        { twice: 2, seed: seed1 },
      ],
    })
  },
)

test.skipIf(!hasPython)(
  'a script that logs a curve is a step by itself and of each item, whose last point stands at its number',
  async () => {
    const { data, apply } = await newProject()
    const server = await up(data)
    await apply(server)
    const done = await ended(server, await start(server, 'both', [1, 4, 2]))
    expect(done.status).toBe('succeeded')
    const curveOf = async (name: string) => {
      const { runId } = done.steps.find(({ step }) => step === name) ?? {}
      const at = `${server.url}/api/v1/runs/${runId}/metric-history?key=loss`
      const { points } = await ask(at, History)
      return points.map(({ step, value }) => [step, value])
    }
    const third = 1 / 3
    expect(await curveOf('alone')).toEqual([0, 1, 2].map((step) => [step, [1, 0.5, third][step]]))
    const each = (await curveOf('each')).toSorted(([a = 0], [b = 0]) => a - b)
    expect(each).toEqual([0, 1, 2].map((item) => [item, [1, 0.25, 0.5][item]]))
  },
)
