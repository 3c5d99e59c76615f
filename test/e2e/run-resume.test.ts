import { access, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MetricSample, Run } from '@gyre/sdk/wire/run'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { z } from 'zod'
import { begin, build, gyre, launch, type Running } from './program.ts'
import { folderOf } from './user-folder.ts'

let data: string
let server: Running

beforeAll(async () => {
  await build()
  data = await mkdtemp(join(tmpdir(), 'gyre-resume-'))
  server = await launch(data)
})

afterAll(async () => {
  await server.stop('SIGKILL')
  await rm(data, { recursive: true })
})

/** 60 steps; waits at some of them for whoever kills it, and saves where it is when it is told to end. */
const FIT = `import json, os, signal, sys
report = open(os.environ['GYRE_REPORT'], 'a')
def tell(**line):
    print(json.dumps(line), file=report, flush=True)
state = {'step': -1, 'weight': 0.0, 'noise': int(os.environ['GYRE_SEED'])}
if 'GYRE_CHECKPOINT' in os.environ:
    with open(os.path.join(os.environ['GYRE_CHECKPOINT'], 'state.json')) as file:
        state = json.load(file)
    assert state['step'] == int(os.environ['GYRE_CHECKPOINT_STEP'])
    print('from', state['step'], flush=True)
def save():
    name = 'saved/%d' % state['step']
    os.makedirs(name, exist_ok=True)
    with open(name + '/state.json', 'w') as file:
        json.dump(state, file)
    tell(checkpoint=name, step=state['step'])
def end(*_):
    save()
    sys.exit(143)
def held(step):
    mark = 'marks/%d' % step
    if not os.path.isdir('marks') or step not in KILLED_AT or os.path.exists(mark): return
    signal.signal(signal.SIGTERM, end)
    with open(mark + '.part', 'w') as file: file.write(str(os.getpid()))
    os.rename(mark + '.part', mark)
    while True: signal.pause()
KILLED_AT = (5, 17, 28, 36, 51)
for step in range(state['step'] + 1, 60):
    noise = (state['noise'] * 1103515245 + 12345) % 2**31
    weight = state['weight'] + 0.1 * (noise / 2**31 - state['weight'])
    state = {'step': step, 'weight': weight, 'noise': noise}
    tell(metric='loss', value=abs(weight - 0.5), step=step)
    if step % 10 == 9: save()
    held(step)
tell(metric='final', value=state['weight'])
`

const inFolder = (cwd: string) => ({ cwd, env: { GYRE_URL: server.url, HOME: cwd } })

const show = async (id: string) =>
  Run.parse(JSON.parse((await gyre(['runs', 'show', '--json', id], inFolder(data))).stdout))

/** A metric by step: `[step, value]`. */
async function curveOf(id: string): Promise<readonly (readonly [number, number])[]> {
  const path = `/api/v1/runs/${id}/metric-history?key=loss&limit=50000`
  const reply = z.object({ points: z.array(MetricSample) })
  const { points } = reply.parse(await (await fetch(server.url + path)).json())
  return points
    .map(({ step, value }) => [Number(step), value] as const)
    .toSorted(([a], [b]) => a - b)
}

/** The run that `gyre run` says it has begun. */
function runIn(stderr: string): string {
  return /gyre: run (run_\w+)/.exec(stderr)?.[1] ?? ''
}

test('what cannot be gone on from is refused by its reason, and leaves no run', async () => {
  const cwd = await folderOf({ 'ok.py': 'print(1)' })
  const { stderr } = await gyre(['run', 'ok.py'], inFolder(cwd))
  const done = runIn(stderr)
  for (const [args, code, message] of [
    [['--resume', 'run_none'], 1, /no such run: run_none/],
    [['--resume', done], 1, /resumes: run_\w+ has succeeded/],
    [['--resume', done, '-P', 'a=1'], 2, /param: not together with --resume/],
    [['--resume', done, '--folder', 'nowhere'], 2, /--folder: the run was executed in/],
    [['ok.py', '--resume', done], 2, /target: not together with --resume/],
    [[], 2, /target: expected a script/],
  ] as const) {
    const ended = await gyre(['run', ...args], inFolder(cwd))
    expect
      .soft([args, ended.code, ended.stderr])
      .toEqual([args, code, expect.stringMatching(message)])
  }
  const listed = await gyre(['runs', 'ls', '--json'], inFolder(cwd))
  expect(z.array(Run).parse(JSON.parse(listed.stdout))).toHaveLength(1)
})

test('after five kills, of the program or of who holds it, no step is lost or doubled', async () => {
  const whole = await folderOf({ 'fit.py': FIT })
  const uninterrupted = await gyre(['run', 'fit.py', '--seed', '3', '--json'], inFolder(whole))
  const oracle = Run.parse(JSON.parse(uninterrupted.stdout))
  const expected = await curveOf(oracle.id)
  expect(expected.map(([step]) => step)).toEqual(Array.from({ length: 60 }, (_, step) => step))

  const cwd = await folderOf({ 'fit.py': FIT })
  await mkdir(join(cwd, 'marks'))
  /** The process of the script, once it waits at a step. */
  const waiting = (step: number) =>
    vi.waitFor(async () => Number(await readFile(join(cwd, 'marks', String(step)), 'utf8')), {
      timeout: 60_000,
    })
  let args: readonly string[] = ['run', 'fit.py', '--seed', '3', '--hold', '1s']
  for (const [step, whom, signal, status] of [
    [5, 'script', 'SIGKILL', 'failed'],
    [17, 'holder', 'SIGKILL', 'lost'],
    [28, 'holder', 'SIGTERM', 'cancelled'],
    [36, 'script', 'SIGKILL', 'failed'],
    [51, 'holder', 'SIGKILL', 'lost'],
  ] as const) {
    const begun = begin(args, inFolder(cwd))
    onTestFinished(begun.kill)
    const script = await waiting(step)
    process.kill(whom === 'script' ? script : begun.pid, signal)
    const id = runIn((await begun.ended).stderr)
    await vi.waitFor(async () => expect((await show(id)).status).toBe(status), { timeout: 20_000 })
    args = ['run', '--resume', id, '--hold', '1s']
  }
  const last = await gyre([...args, '--json'], inFolder(cwd))
  const run = Run.parse(JSON.parse(last.stdout))
  expect(run).toMatchObject({ status: 'succeeded', seed: 3, metrics: oracle.metrics })
  expect(run.inputs).toContainEqual({ ref: `run:${args[2]}`, role: 'resumes' })
  expect(await curveOf(run.id)).toEqual(expected)
  // Files of the user stay where they are.
  await access(join(cwd, 'saved/9/state.json'))
})
