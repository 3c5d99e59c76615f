import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { build, gyre, launch, type Running } from './program.ts'

const hasPython = spawnSync('python3', ['--version']).status === 0

const CONFIG = `
import { int, pipeline, python, step, text } from '@gyre/sdk'
const resume = { maxRun: '10m', maxWait: '20m', grace: '20s' } as const
export const scripted = pipeline('scripted', { seed: int(7), hold: text('') }, ({ seed, hold }) => {
  step('fit', python('fit.py'), { resume })({ seed, hold })
})
export const typed = pipeline('typed', { seed: int(7), hold: text('') }, ({ seed, hold }) => {
  step('fit', async () => (await import('./fit.ts')).fit, { resume })({ seed, hold })
})
export const hopeless = pipeline('hopeless', {}, () => {
  step('fit', python('killed.py'), { resume })({})
})
export const short = pipeline('short', { hold: text('') }, ({ hold }) => {
  step('fit', python('fit.py'), { resume: { maxRun: '1s', maxWait: '1s', grace: '1s' } })({ seed: 1, hold })
})
`

/** 200 steps; waits at some of them for whoever kills it, and saves where it is when it is told to end. */
const FIT_PY = `
import json, os, signal, sys

with open(os.environ['GYRE_INPUTS']) as file:
    inputs = json.load(file)
report = open(os.environ['GYRE_REPORT'], 'a')

def tell(**line):
    print(json.dumps(line), file=report, flush=True)

state = {'step': -1, 'weight': 0.0, 'noise': inputs['seed']}
if 'GYRE_CHECKPOINT' in os.environ:
    with open(os.environ['GYRE_CHECKPOINT']) as file:
        state = json.load(file)
    assert state['step'] == int(os.environ['GYRE_CHECKPOINT_STEP'])

def save():
    name = 'checkpoint-%d.json' % state['step']
    with open(name, 'w') as file:
        json.dump(state, file)
    tell(checkpoint=name, step=state['step'])

def end(*_):
    save()
    sys.exit(143)

def held(step):
    mark = os.path.join(inputs['hold'], str(step))
    if inputs['hold'] == '' or step not in (35, 75, 95, 135, 175) or os.path.exists(mark):
        return
    signal.signal(signal.SIGTERM, end)
    with open(mark + '.part', 'w') as file:
        file.write(str(os.getpid()))
    os.rename(mark + '.part', mark)
    while True:
        signal.pause()

for step in range(state['step'] + 1, 200):
    noise = (state['noise'] * 1103515245 + 12345) % 2**31
    weight = state['weight'] + 0.1 * (noise / 2**31 - state['weight'])
    state = {'step': step, 'weight': weight, 'noise': noise}
    tell(metric='loss', value=abs(weight - 0.5), step=step)
    if step % 10 == 9:
        save()
    held(step)
tell(metric='final', value=state['weight'])
tell(output='weight', value=state['weight'])
`

const FIT_TS = `
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import type { StepContext } from '@gyre/sdk'

interface State { readonly step: number; readonly weight: number; readonly noise: number }

export async function fit(
  { checkpoint, metric, resumed, signal }: StepContext,
  { seed, hold }: { readonly seed: number; readonly hold: string },
) {
  let state: State = resumed
    ? JSON.parse(readFileSync(resumed.path, 'utf8'))
    : { step: -1, weight: 0, noise: seed }
  const save = () => checkpoint(state.step, Buffer.from(JSON.stringify(state)))
  for (let step = state.step + 1; step < 200; step++) {
    const noise = Number((BigInt(state.noise) * 1103515245n + 12345n) % 2n ** 31n)
    const weight = state.weight + 0.1 * (noise / 2 ** 31 - state.weight)
    state = { step, weight, noise }
    metric('loss', Math.abs(weight - 0.5), step)
    if (step % 10 === 9) await save()
    const mark = hold + '/' + step
    if (hold === '' || ![35, 75, 95, 135, 175].includes(step) || existsSync(mark)) continue
    const told = new Promise((resolve) => signal.addEventListener('abort', resolve))
    writeFileSync(mark + '.part', String(process.pid))
    renameSync(mark + '.part', mark)
    await told
    await save()
    throw new Error('told to end')
  }
  metric('final', state.weight)
  return { weight: state.weight }
}
`

const Steps = z.object({
  id: z.string(),
  status: z.string(),
  steps: z.tuple([
    z.object({ runId: z.string().nullable(), outputs: z.unknown(), error: z.unknown() }),
  ]),
})

let folder: string
let server: Running

const cli = (...args: readonly string[]) =>
  gyre(args, { cwd: join(folder, 'shop'), env: { GYRE_URL: server.url } })

async function start(pipeline: string, params: Readonly<Record<string, unknown>>): Promise<string> {
  const reply = await fetch(`${server.url}/api/v1/pipelines/${pipeline}/runs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ params }),
  })
  return Steps.parse(await reply.json()).id
}

async function ended(id: string) {
  const reply = await fetch(`${server.url}/api/v1/pipeline-runs/${id}?wait=true`)
  return Steps.parse(await reply.json())
}

async function pointsOf(run: string, key: string): Promise<readonly (readonly number[])[]> {
  const reply = await fetch(`${server.url}/api/v1/runs/${run}/metric-history?key=${key}&limit=1000`)
  const points = z
    .object({ points: z.array(z.object({ step: z.number(), value: z.number() }).loose()) })
    .loose()
    .parse(await reply.json()).points
  return points.map(({ step, value }) => [step, value] as const).toSorted(([a], [b]) => a - b)
}

/** The process that waits at a step of a training. */
async function waiting(hold: string, step: number): Promise<number> {
  return vi.waitFor(
    async () => {
      const pid = await readFile(join(hold, String(step)), 'utf8')
      return Number(pid)
    },
    { timeout: 60_000, interval: 20 },
  )
}

/** Source: proc(5). */
async function parentOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^PPid:\s+(\d+)$/m.exec(status)?.[1])
}

async function restart(): Promise<void> {
  await server.stop('SIGKILL')
  server = await launch(join(folder, 'data'))
}

beforeAll(async () => {
  await build()
  folder = await mkdtemp(join(tmpdir(), 'gyre-checkpoint-'))
  const files = {
    'package.json': '{ "name": "shop", "type": "module" }',
    'gyre.config.ts': CONFIG,
    'fit.py': FIT_PY,
    'fit.ts': FIT_TS,
    'killed.py': 'import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n',
  }
  await mkdir(join(folder, 'shop'))
  for (const [path, content] of Object.entries(files))
    await writeFile(join(folder, 'shop', path), content)
  server = await launch(join(folder, 'data'))
  const { code, stderr } = await cli('apply')
  if (code !== 0) throw new Error(stderr)
})

afterAll(async () => {
  await server.stop('SIGKILL')
  await rm(folder, { recursive: true, force: true })
})

/** What is done to the process that waits, at each of five steps. */
const KILLS = {
  scripted: [
    async (script: number) => void process.kill(script, 'SIGKILL'),
    async (script: number) => void process.kill(script, 'SIGTERM'),
    async (script: number) => void process.kill(await parentOf(script), 'SIGTERM'),
    async (script: number) => void process.kill(await parentOf(script), 'SIGKILL'),
    restart,
  ],
  typed: [
    async (runner: number) => void process.kill(runner, 'SIGKILL'),
    async (runner: number) => void process.kill(runner, 'SIGTERM'),
    async (runner: number) => void process.kill(runner, 'SIGKILL'),
    async (runner: number) => void process.kill(runner, 'SIGTERM'),
    restart,
  ],
} as const

test.each(hasPython ? (['scripted', 'typed'] as const) : (['typed'] as const))(
  'a training that was killed five times (%s) ends as one that was not, each step in its metrics once',
  async (pipeline) => {
    const whole = await ended(await start(pipeline, {}))
    expect(whole.steps[0].error).toBeNull()
    const hold = join(folder, pipeline)
    await mkdir(hold)
    const id = await start(pipeline, { hold })
    for (const [i, step] of [35, 75, 95, 135, 175].entries())
      await KILLS[pipeline][i]?.(await waiting(hold, step))
    const killed = await ended(id)
    expect([killed.status, killed.steps[0].error]).toEqual(['succeeded', null])
    // Bit by bit: JSON keeps the shortest text that is the same double.
    expect(killed.steps[0].outputs).toEqual(whole.steps[0].outputs)

    const [ran, unkilled] = [killed.steps[0].runId ?? '', whole.steps[0].runId ?? '']
    const points = await pointsOf(ran, 'loss')
    expect(points.map(([step]) => step)).toEqual(Array.from({ length: 200 }, (_, step) => step))
    expect(points).toEqual(await pointsOf(unkilled, 'loss'))
    expect(await pointsOf(ran, 'final')).toEqual(await pointsOf(unkilled, 'final'))
    const listed = await cli('runs', 'ls', '--kind', 'training', '--json')
    const attempts = z
      .array(z.object({ parentId: z.string().nullable(), status: z.string() }).loose())
      .parse(JSON.parse(listed.stdout))
      .filter(({ parentId }) => parentId === id)
    expect(attempts.map(({ status }) => status)).toEqual([
      'succeeded',
      ...Array.from({ length: 5 }, () => 'lost'),
    ])
  },
)

test.skipIf(!hasPython)(
  'a step that is killed again and again without a checkpoint ends',
  async () => {
    const { status, steps } = await ended(await start('hopeless', {}))
    expect([status, steps[0].error]).toEqual([
      'failed',
      {
        code: 'UNAVAILABLE',
        message: expect.stringMatching(/interrupted 6 times in a row without a new checkpoint/),
      },
    ])
  },
)

test.skipIf(!hasPython)(
  'a step that is not done within its running time ends, and says so',
  async () => {
    const hold = join(folder, 'short')
    await mkdir(hold)
    const { status, steps } = await ended(await start('short', { hold }))
    expect([status, steps[0].error]).toEqual([
      'failed',
      { code: 'TIMEOUT', message: expect.stringMatching(/not done within its maxRun 1s/) },
    ])
  },
)

test.each([
  [`maxWait: '20m'`, `maxWait: '5m'`, /resume\.maxWait: expected 10m \(maxRun\) or more, got 5m/],
  [`grace: '20s'`, `grace: '0'`, /resume\.grace: expected a duration above 0/],
])('apply refuses limits that make no sense: %s', async (good, bad, says) => {
  await writeFile(join(folder, 'shop', 'gyre.config.ts'), CONFIG.replace(good, bad))
  expect(await cli('apply')).toMatchObject({ code: 2, stderr: expect.stringMatching(says) })
})
