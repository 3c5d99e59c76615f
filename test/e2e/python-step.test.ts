import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { build, gyre, launch, type Running } from './program.ts'

const python = spawnSync('python3', ['--version'], { encoding: 'utf8' })
const hasPython = python.status === 0

const CONFIG = `
import { int, pipeline, python, step, text } from '@gyre/sdk'
export const train = pipeline('train', { seed: int(7), mode: text('good') }, ({ seed, mode }) => {
  const fit = step('fit', python('py/fit.py', { requirements: 'requirements.lock' }), { timeout: '2m' })
  const made = fit({ seed, mode })
  step('use', python('py/use.py'))({ model: made.model, seed })
})
`

const LOGGED = `
import { pipeline, python, step, text } from '@gyre/sdk'
export const logged = pipeline('logged', { other: text() }, ({ other }) => {
  step('log', python('py/log.py'))({ other })
})
`

const LIVE_CONFIG = LOGGED.replaceAll('logged', 'live')
  .replaceAll('other', 'pid')
  .replace("'log'", "'live'")
  .replace('log.py', 'live.py')

const FIT = `
import json, os, random, signal, sys
from scale import SCALE

with open(os.environ['GYRE_INPUTS']) as file:
    inputs = json.load(file)
mode = inputs['mode']
print('mode is', mode)
if mode == 'exit':
    print('the last line of it', file=sys.stderr)
    sys.exit(3)
if mode == 'kill':
    os.kill(os.getpid(), signal.SIGKILL)
if mode.startswith('hang '):
    with open(mode[5:], 'w') as file:
        file.write(str(os.getpid()))
    signal.pause()
if mode == 'loud':
    sys.stdout.write('x' * 50_000_000)
random.seed(int(os.environ['GYRE_SEED']))
with open(os.environ['GYRE_REPORT'], 'w') as report:
    def tell(**line):
        print(json.dumps(line), file=report)
    if mode == 'line':
        print('{"metric": "auc", "value": NaN}', file=report)
    if mode == 'lost':
        tell(output='other', path='../inputs.json')
    for at in range(3):
        tell(metric='loss', value=SCALE / (at + 1), step=at)
    tell(metric='draw', value=random.random())
    tell(metric='threads', value=int(os.environ['OMP_NUM_THREADS']))
    tell(output='order', value=list({'a', 'b', 'c', 'd'}))
    os.mkdir('model')
    with open('model/weights.txt', 'w') as file:
        file.write('42')
    tell(output='model', path='model')
`
/** Tells three points and the start of a line, and waits to be killed. */
const LIVE = `
import json, os, signal
with open(os.environ['GYRE_INPUTS']) as file, open(os.environ['GYRE_REPORT'], 'a') as report:
    for at in range(3):
        print(json.dumps({'metric': 'loss', 'value': 1 / (at + 1), 'step': at}), file=report, flush=True)
    print('{"metric": "loss", "val', end='', file=report, flush=True)
    pid = json.load(file)['pid']
    with open(pid + '.part', 'w') as part:
        part.write(str(os.getpid()))
    os.rename(pid + '.part', pid)
    signal.pause()
`

const LOG = `
import json, os
from urllib import error, request

OWN = os.environ['MLFLOW_RUN_ID']
EXPERIMENT = os.environ['MLFLOW_EXPERIMENT_ID']
with open(os.environ['GYRE_INPUTS']) as file:
    OTHER = json.load(file)['other']

def ask(method, path, body, kind='application/json'):
    asked = request.Request(
        os.environ['MLFLOW_TRACKING_URI'] + '/api/2.0/' + path,
        data=body if isinstance(body, bytes) else json.dumps(body).encode(),
        headers={'authorization': 'Bearer ' + os.environ['MLFLOW_TRACKING_TOKEN'], 'content-type': kind},
        method=method,
    )
    try:
        with request.urlopen(asked) as reply:
            return reply.status
    except error.HTTPError as refused:
        return refused.code

def log(run):
    metric = {'run_id': run, 'key': 'auc', 'value': 0.75, 'step': 0, 'timestamp': 1}
    model = {'experiment_id': EXPERIMENT, 'name': 'm', 'source_run_id': run}
    return [
        ask('POST', 'mlflow/runs/log-metric', metric),
        ask('POST', 'mlflow/runs/log-batch', {'run_id': run, 'metrics': [metric | {'step': 1}]}),
        ask('POST', 'mlflow/runs/log-parameter', {'run_id': run, 'key': 'depth', 'value': '3'}),
        ask('POST', 'mlflow/runs/set-tag', {'run_id': run, 'key': 'mlflow.runName', 'value': 'mine'}),
        ask('PUT', f'mlflow-artifacts/artifacts/{EXPERIMENT}/{run}/artifacts/note.txt', b'kept', 'text/plain'),
        ask('POST', 'mlflow/logged-models', model),
        ask('POST', 'mlflow/runs/update', {'run_id': run, 'status': 'FINISHED', 'run_name': 'x', 'end_time': 5}),
    ]

answers = {
    'own': log(OWN),
    'other': log(OTHER),
    'a run': ask('POST', 'mlflow/runs/create', {'experiment_id': EXPERIMENT}),
    'an end': ask('POST', 'mlflow/runs/delete', {'run_id': OWN}),
    'an experiment': ask('POST', 'mlflow/experiments/create', {'name': 'mine'}),
    'a name': ask('POST', 'mlflow/registered-models/create', {'name': 'mine'}),
}
with open(os.environ['GYRE_REPORT'], 'w') as report:
    print(json.dumps({'output': 'answers', 'value': answers}), file=report)
`
const GREEDY_CONFIG = (resources: string) => `
import { pipeline, python, step } from '@gyre/sdk'
export const greedy = pipeline('greedy', {}, () => {
  step('fill', python('py/greedy.py'), { resources: ${resources} })({})
})
`
const GREEDY = `
import os, signal
print('threads', os.environ['OMP_NUM_THREADS'], flush=True)
kept = b'x' * 500_000_000
signal.pause()
`

const USE = `
import json, os
with open(os.environ['GYRE_INPUTS']) as file:
    model = json.load(file)['model']
with open(os.path.join(model['path'], 'weights.txt')) as file, open('copy.txt', 'w') as copy:
    copy.write(file.read() + '!')
with open(os.environ['GYRE_REPORT'], 'w') as report:
    print(json.dumps({'output': 'copy', 'path': 'copy.txt'}), file=report)
`

const Runs = z.array(
  z.object({
    id: z.string(),
    name: z.string(),
    parentId: z.string().nullable(),
    status: z.string(),
    metrics: z.record(z.string(), z.number()),
    environment: z.record(z.string(), z.string()),
    code: z.object({ command: z.array(z.string()) }).loose(),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    outputs: z.array(z.object({ ref: z.string(), role: z.string() }).loose()),
  }),
)
const Pipeline = z.object({
  id: z.string(),
  status: z.string(),
  steps: z.array(
    z
      .object({ step: z.string(), state: z.string(), cached: z.boolean(), outputs: z.unknown() })
      .loose(),
  ),
})

let folder: string
let project: string
let server: Running

async function cli(...args: readonly string[]) {
  return gyre(args, { cwd: project, env: { GYRE_URL: server.url } })
}

const write = (path: string, content: string) => writeFile(join(project, path), content)

async function newest(): Promise<z.infer<typeof Pipeline>> {
  const reply = await fetch(`${server.url}/api/v1/pipeline-runs?limit=1`)
  const { runs } = z.object({ runs: z.tuple([Pipeline]) }).parse(await reply.json())
  return runs[0]
}

/** Runs the pipeline, and gives it with the newest run of the step \`fit\`. */
async function train(...params: readonly string[]) {
  const { code } = await cli('pipeline', 'run', 'train', ...params.flatMap((p) => ['--param', p]))
  const listed = await cli('runs', 'ls', '--kind', 'training', '--json')
  const fit = Runs.parse(JSON.parse(listed.stdout)).find(({ name }) => name === 'fit')
  if (!fit) throw new Error('no run of fit')
  return { code, fit, pipeline: await newest() }
}

/** The virtual environments that were made, and what of others was left. */
async function environments(): Promise<readonly string[]> {
  const names = await readdir(join(folder, 'data', 'python'))
  return names.filter((name) => name !== 'interpreter.json')
}

/** A process that has ended but was not reaped (`Z`) is dead. */
async function isAlive(pid: string): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return stat !== '' && !/\) [ZX] /.test(stat)
}

beforeAll(async () => {
  await build()
  folder = await mkdtemp(join(tmpdir(), 'gyre-python-'))
  project = join(folder, 'shop')
  await mkdir(join(project, 'py'), { recursive: true })
  await write('package.json', '{ "name": "shop", "type": "module" }')
  await write('gyre.config.ts', CONFIG)
  await write('requirements.lock', '# nothing but the standard library\n')
  await write('py/fit.py', FIT)
  await write('py/scale.py', 'SCALE = 8\n')
  await write('py/use.py', USE)
  server = await launch(join(folder, 'data'))
})

afterAll(async () => {
  await server.stop('SIGKILL')
  await rm(folder, { recursive: true, force: true })
})

test.each([
  ['py/use.py', undefined, /pipeline train\.step use\.script: no file py\/use\.py in the project/],
  [
    'gyre.config.ts',
    CONFIG.replace('py/use.py', '../data/x.py'),
    /pipeline train\.step use\.script: (no file|\.\.\/data\/x\.py is outside)/,
  ],
  [
    'gyre.config.ts',
    CONFIG.replace('py/use.py', 'use.sh'),
    /use\.script: expected a path to a \.py or \.ipynb file, got use\.sh/,
  ],
  [
    'requirements.lock',
    'numpy\n',
    /requirements: requirements\.lock line 1: expected NAME==VERSION, got numpy/,
  ],
] as const)('apply refuses what cannot run, Python or not: %s', async (path, content, says) => {
  const before = await readFile(join(project, path), 'utf8')
  if (content === undefined) await rm(join(project, path))
  else await write(path, content)
  expect(await cli('apply')).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringMatching(says),
  })
  await write(path, before)
})

describe.skipIf(!hasPython)('steps in Python (python3 is needed)', () => {
  beforeAll(async () => {
    const { code, stderr } = await cli('apply')
    if (code !== 0) throw new Error(`gyre apply: ${stderr}`)
  })

  test('a script gets its inputs and seed, and its metrics and files come back', async () => {
    const { code, fit, pipeline } = await train()
    expect([code, fit.error]).toEqual([0, null])
    expect(fit).toMatchObject({
      status: 'succeeded',
      // random.seed(7); random.random() of CPython 3
      metrics: { loss: 8 / 3, draw: 0.32383276483316237, threads: 1 },
      code: { command: ['python3', 'py/fit.py'] },
      environment: {
        python: expect.stringMatching(/^3\.\d+\.\d+$/),
        OMP_NUM_THREADS: '1',
        node: process.version,
      },
      outputs: [{ role: 'model', ref: expect.stringMatching(/^artifact:sha256:/) }],
    })
    const { outputs } = pipeline.steps[1] ?? {}
    const { digest } = z.object({ copy: z.object({ digest: z.string() }) }).parse(outputs).copy
    expect(await (await fetch(`${server.url}/api/v1/blobs/${digest}`)).text()).toBe('42!')
  })

  test('again nothing is started; the environment was made once', async () => {
    const { pipeline, fit } = await train()
    expect(pipeline.steps.map(({ step, cached }) => [step, cached])).toEqual([
      ['fit', true],
      ['use', true],
    ])
    expect(fit.parentId).not.toBe(pipeline.id)
    expect(await environments()).toEqual([expect.stringMatching(/^[0-9a-f]{64}-3\.\d+\.\d+$/)])
  })

  test('a repetition is equal: numbers, files and the order of sets', async () => {
    const { id } = await newest()
    expect(await cli('reproduce', id, '--json')).toMatchObject({
      code: 0,
      stdout: `${JSON.stringify({ inputs: [], code: [], environment: [], metrics: [] }, null, 2)}\n`,
    })
  })

  test('an edited module that the script imports runs it again', async () => {
    await write('py/scale.py', 'SCALE = 16\n')
    await cli('apply')
    const { fit } = await train()
    expect(fit.metrics['loss']).toBe(16 / 3)
    const why = await cli('why', 'fit')
    expect(why).toMatchObject({ code: 0, stderr: '' })
    expect(why.stdout).toMatch(
      /^fit of run_\w+ ran: not as in run_\w+\npart +before +now\ncode +sha256:\S+ +sha256:\S+\n$/,
    )
    expect(await cli('why', 'nope')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^gyre: no pipeline run has a step nope\n$/),
    })
  })

  test.each([
    ['exit', /^py\/fit\.py ended with exit code 3\nmode is exit\nthe last line of it$/],
    ['kill', /^py\/fit\.py was killed by SIGKILL\nmode is kill$/],
    [
      'line',
      /^report line 1: expected .* as JSON \("NaN" for .*\), got \{"metric": "auc", "value": NaN\}/,
    ],
    ['lost', /^output other: no \.\.\/inputs\.json in the folder that the script runs in/],
  ])('a script that fails (%s) says how', async (mode, says) => {
    const { code, pipeline, fit } = await train(`mode=${mode}`)
    expect([code, pipeline.status, fit.status]).toEqual([1, 'failed', 'failed'])
    const [step] = pipeline.steps
    expect(step?.['error']).toEqual({ code: 'STEP_FAILED', message: expect.stringMatching(says) })
  })

  test('fifty megabytes of output neither stop a script nor fill the log', async () => {
    expect((await train('mode=loud')).fit.status).toBe('succeeded')
  })

  test('a script that does not parse tells the line', async () => {
    await write('py/use.py', `${USE}\ndef broken(:\n`)
    await cli('apply')
    await train('seed=8')
    const message = JSON.stringify((await newest()).steps[1]?.['error'])
    expect(message).toContain('py/use.py ended with exit code 1')
    expect(message).toContain('SyntaxError')
    await write('py/use.py', USE)
  })

  test('a script may log to its own run through the door of MLflow, and change nothing else', async () => {
    const other = await cli('runs', 'ls', '--kind', 'training', '--json')
    const [{ id }] = z
      .tuple([z.object({ id: z.string() })])
      .rest(z.unknown())
      .parse(JSON.parse(other.stdout))
    await write('py/log.py', LOG)
    await write('gyre.config.ts', LOGGED)
    await cli('apply')
    const { code } = await cli('pipeline', 'run', 'logged', '--param', `other=${id}`)
    const { steps } = await newest()
    expect([code, steps[0]?.['error']]).toEqual([0, null])
    expect(steps[0]?.outputs).toEqual({
      answers: {
        own: Array.from({ length: 7 }, () => 200),
        other: Array.from({ length: 7 }, () => 403),
        'a run': 403,
        'an end': 403,
        'an experiment': 403,
        'a name': 403,
      },
    })
    const found = await cli('runs', 'ls', '--experiment', 'logged', '--json')
    expect(JSON.parse(found.stdout)).toMatchObject([
      {
        name: 'log',
        status: 'succeeded',
        metrics: { auc: 0.75 },
        params: { other: id, depth: '3' },
        code: { command: ['python3', 'py/log.py'] },
        environment: { OMP_NUM_THREADS: '1' },
      },
    ])
    const untouched = await cli('runs', 'show', id, '--json')
    expect(untouched.stdout).not.toContain('auc')
    await write('gyre.config.ts', CONFIG)
  })

  test('metrics show while a script runs, and those that it told stay when it is killed, each once', async () => {
    await write('py/live.py', LIVE)
    await write('gyre.config.ts', LIVE_CONFIG)
    await cli('apply')
    const file = join(folder, 'pid of the live')
    const running = cli('pipeline', 'run', 'live', '--param', `pid=${file}`)
    const run = await vi.waitFor(
      async () => {
        const [live] = Runs.parse(JSON.parse((await cli('runs', 'ls', '--json')).stdout))
        expect(live).toMatchObject({ name: 'live', status: 'running', metrics: { loss: 1 / 3 } })
        return live
      },
      { timeout: 30_000, interval: 100 },
    )
    process.kill(Number(await readFile(file, 'utf8')), 'SIGKILL')
    expect((await running).code).toBe(1)
    const query = `run_id=${run?.id}&metric_key=loss`
    const history = await fetch(`${server.url}/api/2.0/mlflow/metrics/get-history?${query}`)
    const { metrics } = z
      .object({ metrics: z.array(z.object({ step: z.number(), value: z.number() }).loose()) })
      .parse(await history.json())
    expect(metrics.map(({ step, value }) => [step, value])).toEqual([
      [0, 1],
      [1, 1 / 2],
      [2, 1 / 3],
    ])
    expect((await newest()).steps[0]?.['error']).toEqual({
      code: 'STEP_FAILED',
      message: 'py/live.py was killed by SIGKILL',
    })
    await write('gyre.config.ts', CONFIG)
  })

  test('a script that takes more memory than its step asked for is ended, and says how much of each', async () => {
    const cpu = Math.min(2, availableParallelism())
    await write('py/greedy.py', GREEDY)
    await write('gyre.config.ts', GREEDY_CONFIG(`{ cpu: ${cpu}, memory: '384 MiB' }`))
    await cli('apply')
    const { code, stdout } = await cli('pipeline', 'run', 'greedy')
    expect(code).toBe(1)
    expect(stdout).toContain(`cpu ${cpu}, memory 384.0 MiB`)
    expect((await newest()).steps[0]?.['error']).toEqual({
      code: 'OUT_OF_MEMORY',
      message: expect.stringMatching(
        new RegExp(
          `^step fill ran out of memory: asked for 384\\.0 MiB \\(resources\\.memory\\), used \\d{3}\\.\\d MiB\nthreads ${cpu}$`,
        ),
      ),
    })
  })

  test('a step that asks for more than the machine has is refused before anything runs', async () => {
    await write('gyre.config.ts', GREEDY_CONFIG(`{ memory: '900Ti' }`))
    await cli('apply')
    const before = (await newest()).id
    expect(await cli('pipeline', 'run', 'greedy')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /pipeline greedy\.step fill\.resources\.memory: asked for 900\.0 TiB, and this machine has \d+\.\d [GM]iB/,
      ),
    })
    expect((await newest()).id).toBe(before)
    await write('gyre.config.ts', CONFIG)
  })

  test('a script that takes too long is ended, and nothing of it is left', async () => {
    await write('gyre.config.ts', CONFIG.replace("'2m'", "'2s'"))
    await cli('apply')
    const { pipeline } = await train(`mode=hang ${join(folder, 'pid')}`)
    expect(pipeline.steps[0]?.['error']).toMatchObject({
      message: expect.stringContaining('took longer than its time-out'),
    })
    const pid = await readFile(join(folder, 'pid'), 'utf8')
    await vi.waitFor(async () => expect(await isAlive(pid)).toBe(false))
  })

  test('packages that cannot be had are told with what pip said', async () => {
    await write('gyre.config.ts', CONFIG)
    await write('requirements.lock', 'nope @ file:///nowhere/nope-1.0-py3-none-any.whl\n')
    await cli('apply')
    const { pipeline } = await train()
    const message = JSON.stringify(pipeline.steps[0]?.['error'])
    expect(message).toContain('pip could not install the requirements')
    expect(message).toContain('nope')
    expect(await environments()).toHaveLength(1)
  })

  test('a script does not outlive a server that was killed', async () => {
    await write('requirements.lock', '# nothing but the standard library\n')
    await cli('apply')
    const file = join(folder, 'pid of the orphan')
    const running = cli('pipeline', 'run', 'train', '--param', `mode=hang ${file}`)
    const pid = await vi.waitFor(
      async () => {
        const text = await readFile(file, 'utf8')
        expect(text).toMatch(/^\d+$/)
        return text
      },
      { timeout: 20_000, interval: 50 },
    )
    expect(await isAlive(pid)).toBe(true)
    await server.stop('SIGKILL')
    await vi.waitFor(async () => expect(await isAlive(pid)).toBe(false), { timeout: 10_000 })
    expect((await running).code).toBe(1)
  })
})
