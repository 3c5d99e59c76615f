import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Run, RunDifference } from '@gyre/sdk/wire/run'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { z } from 'zod'
import { allGone, childOf } from './processes.ts'
import { begin, build, gyre, launch, type Running } from './program.ts'
import { send } from './traffic.ts'
import { folderOf } from './user-folder.ts'

const Runs = z.array(Run)
const hasGit = spawnSync('git', ['--version']).status === 0

let data: string
let server: Running

beforeAll(async () => {
  await build()
  data = await mkdtemp(join(tmpdir(), 'gyre-run-'))
  server = await launch(data)
})

afterAll(async () => {
  await server.stop('SIGKILL')
  await rm(data, { recursive: true })
})

const sha = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`

const inFolder = (cwd: string) => ({
  cwd,
  env: { GYRE_URL: server.url, HOME: cwd, XDG_CACHE_HOME: join(data, 'cache') },
})

/** A Python without any package: what the machine's own has decides nothing. */
const BARE = ['--requirements', 'none.lock'] as const

/** `gyre run ARGS --json` in a folder: how it ended, and its run, where there is one. */
async function runIn(cwd: string, ...args: readonly string[]) {
  const ended = await gyre(['run', '--json', ...args], inFolder(cwd))
  return { ...ended, run: ended.stdout === '' ? undefined : Run.parse(JSON.parse(ended.stdout)) }
}

async function artifact(id: string, path: string): Promise<string> {
  const response = await fetch(`${server.url}/get-artifact?run_uuid=${id}&path=${path}`)
  expect([path, response.status]).toEqual([path, 200])
  return response.text()
}

async function newest(): Promise<Run> {
  const { stdout } = await gyre(['runs', 'ls', '--json', '--limit', '1', '--url', server.url])
  const [run] = Runs.parse(JSON.parse(stdout))
  if (!run) throw new Error('no run')
  return run
}

const cell = (source: string, tags?: readonly string[], count: number | null = null) => ({
  cell_type: 'code',
  metadata: tags ? { tags } : {},
  source,
  outputs: [],
  execution_count: count,
})
const notebook = (...cells: readonly object[]) =>
  JSON.stringify({ nbformat: 4, nbformat_minor: 4, metadata: {}, cells })

test('what cannot be run is refused by its field, and leaves no run', async () => {
  const files = { 'train.py': '', 'data.csv': '', 'broken.ipynb': '{}', 'r.txt': 'numpy\n' }
  const cwd = await folderOf(files)
  const refusals: readonly (readonly [string, RegExp])[] = [
    ['missing.py', /target: no such file or folder: missing\.py/],
    ['data.csv', /target: expected a script .*, got data\.csv/],
    ['.', /target: no MLproject file in \./],
    ['broken.ipynb', /target: broken\.ipynb is no notebook/],
    ['train.py -e main', /entry: only a folder/],
    ['train.py --requirements no.txt', /requirements: no such file: no/],
    [
      'train.py --requirements r.txt',
      /requirements: r\.txt line 1: expected NAME==VERSION, got numpy/,
    ],
    ['train.py --seed x', /--seed: /],
    ['train.py --hold soon', /hold: /],
  ]
  const ended = await Promise.all(
    refusals.map(([args]) => gyre(['run', ...args.split(' ')], inFolder(cwd))),
  )
  for (const [i, [args, message]] of refusals.entries()) {
    expect.soft([args, ended[i]?.code]).toEqual([args, 2])
    expect.soft(ended[i]?.stderr).toMatch(message)
  }
  expect((await gyre(['runs', 'ls', '--json', '--url', server.url])).stdout.trim()).toBe('[]')
})

const TRAIN = `import json, os, sys, urllib.request
print('words', sys.argv[1:], file=sys.stdout)
print('careful', file=sys.stderr)
body = {'run_id': os.environ['MLFLOW_RUN_ID'], 'key': 'auc', 'value': 0.75, 'timestamp': 1}
url = os.environ['MLFLOW_TRACKING_URI'] + '/api/2.0/mlflow/runs/log-metric'
headers = {'content-type': 'application/json'}
urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers)).read()
print(os.environ['GYRE_SEED'], os.environ['PYTHONHASHSEED'], os.environ['OMP_NUM_THREADS'])
`

test('a script is a run: its words, streams, facts, and what it logs by itself', async () => {
  const cwd = await folderOf({ 'src/train.py': TRAIN, 'uv.lock': 'version = 1\n' })
  const given = ['src/train.py', '-P', 'lr=0.1', '--seed', '7', '--threads', '2']
  const { code, stderr, run } = await runIn(cwd, ...given, '--experiment', 'churn', '--', '-v')
  expect([code, run?.status, run?.kind, run?.name]).toEqual([
    0,
    'succeeded',
    'script',
    'src/train.py',
  ])
  expect(run).toMatchObject({
    params: { lr: '0.1' },
    metrics: { auc: 0.75 },
    seed: 7,
    error: null,
    code: {
      command: [
        'gyre',
        'run',
        'src/train.py',
        '--param',
        'lr=0.1',
        '--seed',
        '7',
        '--threads',
        '2',
        '--',
        '-v',
      ],
    },
    environment: { OMP_NUM_THREADS: '2', python: expect.stringMatching(/^3\./) },
  })
  expect(run?.code).toMatchObject({ digest: sha(TRAIN), lockfileDigest: sha('version = 1\n') })
  const said = "words ['--lr', '0.1', '-v']\n7 7 2\n"
  expect(await artifact(run?.id ?? '', 'logs/stdout.txt')).toBe(said)
  expect(await artifact(run?.id ?? '', 'logs/stderr.txt')).toBe('careful\n')
  expect(await gyre(['runs', 'logs', run?.id ?? '', '--url', server.url])).toMatchObject({
    code: 0,
    stdout: `${said}careful\n`,
  })
  expect(stderr).toContain(said.split('\n')[0])
  const found = await send(`${server.url}/api/2.0/mlflow/runs/get?run_id=${run?.id}`, 'GET')
  expect(found?.body).toMatchObject({ run: { info: { status: 'FINISHED' } } })
})

test('without --json what a script says is on stdout, as it says it', async () => {
  const cwd = await folderOf({ 'hello.py': 'print("hello")', 'hello.mjs': 'console.log("hej")' })
  expect((await gyre(['run', 'hello.py'], inFolder(cwd))).stdout).toBe('hello\n')
  expect((await gyre(['run', 'hello.mjs'], inFolder(cwd))).stdout).toBe('hej\n')
  expect((await newest()).environment['node']).toBe(process.version)
})

test('a script that fails is a failed run that says why', async () => {
  const cwd = await folderOf({ 'train.py': 'open("/data/2019/rows.csv")' })
  const { code, stderr, run } = await runIn(cwd, 'train.py')
  expect([code, run?.status]).toEqual([1, 'failed'])
  const why = /train\.py ended with exit code 1: FileNotFoundError: .*'\/data\/2019\/rows\.csv'/
  expect(run?.error).toMatchObject({ code: 'STEP_FAILED', message: expect.stringMatching(why) })
  expect(stderr.trimEnd().split('\n').at(-1)).toMatch(why)
  expect(await artifact(run?.id ?? '', 'logs/stderr.txt')).toContain('Traceback')
})

const WAIT = `import signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)'])
print('ready', flush=True)
time.sleep(1000)
`

test('SIGTERM ends a run with all that it started: it is cancelled', async () => {
  const cwd = await folderOf({ 'wait.py': WAIT })
  const begun = begin(['run', 'wait.py'], inFolder(cwd))
  onTestFinished(begun.kill)
  const script = await vi.waitFor(() => childOf(begun.pid, /python.*wait\.py/), { timeout: 20_000 })
  const grandchild = await vi.waitFor(() => childOf(script, /time\.sleep/), { timeout: 20_000 })
  process.kill(begun.pid, 'SIGTERM')
  const { code, stderr } = await begun.ended
  expect([code, stderr.trimEnd().split('\n').at(-1)]).toEqual([130, 'gyre: stopped by a signal'])
  await allGone([script, grandchild])
  const run = await newest()
  expect(run).toMatchObject({ name: 'wait.py', status: 'cancelled' })
  expect(await artifact(run.id, 'logs/stdout.txt')).toBe('ready\n')
})

test('kill -9 of the program ends what it started, and the run is lost', async () => {
  const cwd = await folderOf({ 'wait.py': WAIT })
  const begun = begin(['run', 'wait.py', '--hold', '1s'], inFolder(cwd))
  onTestFinished(begun.kill)
  const script = await vi.waitFor(() => childOf(begun.pid, /python.*wait\.py/), { timeout: 20_000 })
  const grandchild = await vi.waitFor(() => childOf(script, /time\.sleep/), { timeout: 20_000 })
  begun.kill()
  await allGone([script, grandchild])
  await vi.waitFor(async () => expect((await newest()).status).toBe('lost'), { timeout: 20_000 })
})

test('a notebook is executed from its first cell on, whatever counts and outputs it holds', async () => {
  const cwd = await folderOf({
    'none.lock': '',
    'nb/rows.csv': '3\n4\n',
    'nb/mess.ipynb': notebook(
      { cell_type: 'markdown', metadata: {}, source: '# Rows' },
      cell('scale = 1', ['parameters'], 12),
      cell('rows = [int(x) for x in open("rows.csv")]\nprint(len(rows))', undefined, 4),
      cell('sum(rows) * scale', undefined, 2),
    ),
  })
  const { code, run } = await runIn(cwd, 'nb/mess.ipynb', '-P', 'scale=10', ...BARE)
  // sha256sum of nothing.
  expect(run?.code?.lockfileDigest).toBe(sha(''))
  expect([code, run?.kind, run?.status, run?.params]).toEqual([
    0,
    'notebook',
    'succeeded',
    { scale: '10' },
  ])
  const copy = z
    .object({
      cells: z.array(
        z.object({
          source: z.string(),
          execution_count: z.number().optional(),
          outputs: z.array(z.unknown()).optional(),
        }),
      ),
    })
    .parse(JSON.parse(await artifact(run?.id ?? '', 'notebook/mess.ipynb')))
  expect(copy.cells.map(({ execution_count }) => execution_count)).toEqual([undefined, 1, 2, 3, 4])
  expect(copy.cells[2]?.source).toContain('scale = 10')
  expect(copy.cells[3]?.outputs).toEqual([{ output_type: 'stream', name: 'stdout', text: '2\n' }])
  expect(copy.cells[4]?.outputs).toMatchObject([
    { output_type: 'execute_result', data: { 'text/plain': '70' } },
  ])
  // The user's own file stays as it was.
  expect(await readFile(join(cwd, 'nb/mess.ipynb'), 'utf8')).toContain('"execution_count":12')
})

test.each([
  [
    'that reads what a deleted cell had made',
    [cell('print(1)'), cell('total = 1\ncount + total', undefined, 9)],
    "nb.ipynb: cell 2, line 2: NameError: name 'count' is not defined",
  ],
  [
    'whose path leads nowhere',
    [cell('open("/Users/ann/rows.csv")')],
    "nb.ipynb: cell 1, line 1: FileNotFoundError: [Errno 2] No such file or directory: '/Users/ann/rows.csv'",
  ],
  [
    'with an error of syntax',
    [cell('x = 1'), cell('if x\n  y')],
    'nb.ipynb: cell 2, line 1: SyntaxError: ',
  ],
  [
    "with a line of IPython's",
    [cell('x = 1'), cell('y = 2\n%matplotlib inline')],
    "nb.ipynb: cell 2, line 2: '%matplotlib inline' is IPython's, not Python's; install nbclient",
  ],
  [
    'that leaves before its end, as if all were well',
    [cell('import sys'), cell('x = 1\nsys.exit()'), cell('x'), cell('x + 1')],
    'nb.ipynb: cell 2, line 2: exit(); cells 3..4 never ran',
  ],
  [
    'that leaves with a code at its end',
    [cell('x = 1'), cell('exit(3)')],
    'nb.ipynb: cell 2, line 1: exit(3)',
  ],
  [
    'that awaits where only a kernel can',
    [cell('open("made", "w")'), cell('import asyncio\nawait asyncio.sleep(0)')],
    'nb.ipynb: cell 2, line 2: await outside of a function needs a kernel; install nbclient',
  ],
])('a notebook %s fails by its cell', async (_, cells, message) => {
  const cwd = await folderOf({ 'none.lock': '', 'nb.ipynb': notebook(...cells) })
  const { code, stderr, run } = await runIn(cwd, 'nb.ipynb', ...BARE)
  expect([code, run?.status]).toEqual([1, 'failed'])
  expect(run?.error?.message).toContain(message)
  expect(stderr).toContain(message)
})

test('an MLproject runs its entry points, with its parameters', async () => {
  const cwd = await folderOf({
    'p/MLproject': `name: tiny
entry_points:
  main: {parameters: {alpha: {type: float, default: 0.5}, data: path}, command: "python fit.py {alpha} {data}"}
  check: {command: "python -c 'print({{1}})'"}
`,
    'p/fit.py': 'import sys; print(sys.argv[1:])',
    'p/other.py': 'print("other")',
    'p/conda/MLproject': 'conda_env: conda.yaml\nentry_points: {main: {command: "true"}}\n',
    'p/rows.csv': '1\n',
  })
  const bad = await runIn(cwd, 'p')
  expect([bad.code, bad.run]).toEqual([2, undefined])
  expect(bad.stderr).toContain('param data: entry point main needs it')
  const conda = await runIn(cwd, 'p/conda')
  expect([conda.code, conda.stderr]).toEqual([
    2,
    expect.stringContaining('conda_env is not supported'),
  ])
  expect((await runIn(cwd, 'p/conda', '--env-manager', 'local')).code).toBe(0)
  expect((await runIn(cwd, 'p', '-e', 'deploy')).stderr).toContain(
    'p/MLproject has no entry point deploy; it has main, check',
  )

  const { run } = await runIn(cwd, 'p', '-P', 'data=p/rows.csv', '-P', 'depth=3')
  expect(run).toMatchObject({
    kind: 'project',
    name: 'tiny',
    status: 'succeeded',
    params: { alpha: '0.5', data: 'p/rows.csv', depth: '3' },
    tags: { 'mlflow.source.type': 'PROJECT', 'mlflow.project.entryPoint': 'main' },
  })
  expect(await artifact(run?.id ?? '', 'logs/stdout.txt')).toBe(
    `['0.5', '${cwd}/p/rows.csv', '--depth', '3']\n`,
  )
  const check = await runIn(cwd, 'p', '-e', 'check')
  expect(await artifact(check.run?.id ?? '', 'logs/stdout.txt')).toBe('{1}\n')
  const script = await runIn(cwd, 'p', '-e', 'other.py')
  expect(await artifact(script.run?.id ?? '', 'logs/stdout.txt')).toBe('other\n')
})

const SEEDED = `import json, os, random, urllib.request
random.seed(int(os.environ['GYRE_SEED']))
body = {'run_id': os.environ['MLFLOW_RUN_ID'], 'key': 'auc', 'value': random.random(), 'timestamp': 1}
url = os.environ['MLFLOW_TRACKING_URI'] + '/api/2.0/mlflow/runs/log-metric'
headers = {'content-type': 'application/json'}
urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers)).read()
`

test('a seeded run is executed again without a difference, and tells what was changed since', async () => {
  const cwd = await folderOf({ 'train.py': SEEDED })
  const { run } = await runIn(cwd, 'train.py', '--seed', '5', '--experiment', 'again')
  // python3 -c 'import random; random.seed(5); print(random.random())'
  expect(run?.metrics).toEqual({ auc: 0.6229016948897019 })
  const reproduce = async (...args: readonly string[]) => {
    const ended = await gyre(['reproduce', run?.id ?? '', '--json', ...args], inFolder(tmpdir()))
    return { code: ended.code, found: RunDifference.parse(JSON.parse(ended.stdout)) }
  }
  const equal = { inputs: [], code: [], environment: [], metrics: [] }
  expect(await reproduce()).toEqual({ code: 0, found: equal })
  const again = await newest()
  expect(again).toMatchObject({ experiment: run?.experiment, tags: { 'gyre.repeats': run?.id } })

  const moved = await folderOf({ 'train.py': SEEDED.replace('random.random()', '0.5') })
  const { code, found } = await reproduce('--folder', moved)
  expect(code).toBe(1)
  expect(found).toMatchObject({
    inputs: [],
    environment: [],
    code: [{ what: 'digest', before: sha(SEEDED) }],
    metrics: [{ what: 'auc', before: '0.6229016948897019', now: '0.5' }],
  })

  const gone = await gyre(['reproduce', run?.id ?? '', '--folder', join(cwd, 'x')], inFolder(cwd))
  expect([gone.code, gone.stderr]).toEqual([2, expect.stringContaining('--folder: the run was')])
})

const READS = `import json, os, urllib.request
import helper
with open(os.environ['GYRE_INPUTS']) as file:
    inputs = json.load(file)
rows = [float(line) for line in open(inputs['rows']['path'])]
where = '/api/2.0/mlflow-artifacts/artifacts/%s/%s/artifacts/' % (os.environ['MLFLOW_EXPERIMENT_ID'], os.environ['MLFLOW_RUN_ID'])
def call(method, path, body):
    urllib.request.urlopen(urllib.request.Request(os.environ['GYRE_URL'] + path, body, {'content-type': 'application/json'}, method=method)).read()
for step, row in enumerate(rows):
    metric = {'run_id': os.environ['MLFLOW_RUN_ID'], 'key': 'sum', 'value': helper.scale * row, 'step': step, 'timestamp': 1}
    call('POST', '/api/2.0/mlflow/runs/log-metric', json.dumps(metric).encode())
call('PUT', where + 'report.txt', str(sum(rows)).encode())
`

test('a helper, an input, a step of a curve and a file that differ are each named in their list', async () => {
  const files = { 'train.py': READS, 'helper.py': 'scale = 1', 'rows.txt': '1\n2\n3\n' }
  const cwd = await folderOf(files)
  for (const [given, message] of [
    ['rows=no.txt', /input: rows: no such file: no\.txt/],
    ['rows=.', /input: rows: expected a file, got a folder/],
    ['rows=dataset:none', /input: rows: no dataset:none on the server/],
    ['1=rows.txt', /--input: expected a plain name, got 1/],
  ] as const) {
    const { code, run, stderr } = await runIn(cwd, 'train.py', '--input', given)
    expect([code, run, stderr]).toEqual([
      expect.any(Number),
      undefined,
      expect.stringMatching(message),
    ])
  }
  const { run } = await runIn(cwd, 'train.py', '--input', 'rows=rows.txt', '--seed', '1')
  expect(run).toMatchObject({
    status: 'succeeded',
    inputs: [{ ref: 'file:rows.txt', role: 'rows', digest: sha(files['rows.txt']) }],
    code: { digest: sha(READS), files: { 'helper.py': sha('scale = 1') } },
  })
  expect(await artifact(run?.id ?? '', 'code/files/helper.py')).toBe('scale = 1')
  const reproduce = async () => {
    const ended = await gyre(['reproduce', run?.id ?? '', '--json'], inFolder(cwd))
    return { code: ended.code, found: RunDifference.parse(JSON.parse(ended.stdout)) }
  }
  const equal = { inputs: [], code: [], environment: [], metrics: [] }
  expect(await reproduce()).toEqual({ code: 0, found: equal })

  await writeFile(join(cwd, 'helper.py'), 'scale = 1.0')
  await writeFile(join(cwd, 'rows.txt'), '1\n4\n3\n')
  const of = { step: null }
  expect(await reproduce()).toEqual({
    code: 1,
    found: {
      inputs: [
        {
          ...of,
          what: 'rows file:rows.txt',
          before: `file:rows.txt ${sha('1\n2\n3\n')}`,
          now: `file:rows.txt ${sha('1\n4\n3\n')}`,
        },
      ],
      code: [{ ...of, what: 'helper.py', before: sha('scale = 1'), now: sha('scale = 1.0') }],
      environment: [],
      metrics: [
        { ...of, what: 'sum at step 1', before: '2', now: '4' },
        { ...of, what: 'artifact report.txt', before: sha('6.0'), now: sha('8.0') },
      ],
    },
  })
})

test.skipIf(!hasGit)(
  'of a dirty tree the diff is kept and shown, and what differs from it later is named by file',
  async () => {
    const cwd = await folderOf({ 'train.py': 'import helper\n', 'helper.py': 'lr = 1\n' })
    const git = (...args: string[]) =>
      execFileSync('git', ['-C', cwd, '-c', 'user.name=a', '-c', 'user.email=a@b', ...args], {
        encoding: 'utf8',
      })
    git('init', '-q')
    git('add', '.')
    git('commit', '-q', '-m', 'first')
    await writeFile(join(cwd, '.git/info/exclude'), '__pycache__\n')
    const clean = await runIn(cwd, 'train.py')
    expect(clean.run?.code).toMatchObject({ dirty: false })
    const none = await gyre(['runs', 'show', '--diff', clean.run?.id ?? ''], inFolder(cwd))
    expect([none.code, none.stderr]).toEqual([
      1,
      expect.stringContaining('did not differ from its commit'),
    ])

    await writeFile(join(cwd, 'helper.py'), 'lr = 2\n')
    await writeFile(join(cwd, 'extra.py'), 'x = 1\n')
    const { run } = await runIn(cwd, 'train.py')
    expect(run?.code).toMatchObject({
      dirty: true,
      files: { 'extra.py': sha('x = 1\n'), 'helper.py': sha('lr = 2\n') },
    })
    expect(await artifact(run?.id ?? '', 'code/files/extra.py')).toBe('x = 1\n')
    const shown = await gyre(['runs', 'show', '--diff', run?.id ?? ''], inFolder(cwd))
    expect(shown.stdout).toBe(git('diff', 'HEAD', '--binary', '--full-index'))

    git('checkout', '-q', 'helper.py')
    const told = await gyre(['reproduce', run?.id ?? '', '--json'], inFolder(cwd))
    const { code } = RunDifference.parse(JSON.parse(told.stdout))
    expect(code).toEqual([
      expect.objectContaining({ what: 'diffDigest' }),
      { step: null, what: 'helper.py', before: sha('lr = 2\n'), now: null },
    ])

    // As the guide says: the code that it had, beside what is there now.
    const then = join(await folderOf({}), 'then')
    git('worktree', 'add', '-q', '--detach', then, run?.code?.gitCommit ?? '')
    execFileSync('git', ['-C', then, 'apply'], { input: shown.stdout })
    await writeFile(join(then, 'extra.py'), 'x = 1\n')
    const again = await gyre(['reproduce', run?.id ?? '', '--folder', then], inFolder(cwd))
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining('is equal to') })
  },
)

const WRITES = `import json, random, os
import private.scale as scale
os.makedirs('out', exist_ok=True)
with open('results.csv', 'a') as file: file.write('%f\\n' % (scale.by * random.random()))
with open('metrics.json', 'w') as file: json.dump({'auc': 1}, file)
with open('out/model.bin', 'wb') as file: file.write(os.urandom(8))
`

test.skipIf(!hasGit)(
  'what a program leaves in its repository is not its code, what it loads from what git ignores is',
  async () => {
    const cwd = await folderOf({
      'train.py': WRITES,
      'metrics.json': '{}',
      'config.json': '{"lr": 1}',
      '.gitignore': 'private/\n__pycache__/\n',
    })
    const git = (...args: string[]) =>
      execFileSync('git', ['-C', cwd, '-c', 'user.name=a', '-c', 'user.email=a@b', ...args])
    git('init', '-q')
    git('add', '.')
    git('commit', '-q', '-m', 'first')
    await mkdir(join(cwd, 'private'))
    await writeFile(join(cwd, 'private/scale.py'), 'by = 1\n')
    const first = await runIn(cwd, 'train.py')
    expect(first.run).toMatchObject({
      status: 'succeeded',
      code: {
        dirty: false,
        files: { 'private/scale.py': sha('by = 1\n') },
        written: { 'metrics.json': 'touched', 'out/model.bin': 'made', 'results.csv': 'made' },
      },
    })
    const kept = `${server.url}/get-artifact?run_uuid=${first.run?.id}&path=code/files/private/scale.py`
    expect((await fetch(kept)).status).toBe(404)
    const reproduce = async (id = '') => {
      const { stdout } = await gyre(['reproduce', id, '--json'], inFolder(cwd))
      return RunDifference.parse(JSON.parse(stdout)).code
    }
    expect(await reproduce(first.run?.id)).toEqual([])
    // They lie there from the start now, and are still what it writes.
    const second = await runIn(cwd, 'train.py')
    expect(second.run?.code?.files).toHaveProperty(['results.csv'])
    expect(await reproduce(second.run?.id)).toEqual([])

    await writeFile(join(cwd, 'private/scale.py'), 'by = 2\n')
    await writeFile(join(cwd, 'config.json'), '{"lr": 2}')
    expect(await reproduce(second.run?.id)).toEqual([
      { step: null, what: 'private/scale.py', before: sha('by = 1\n'), now: sha('by = 2\n') },
      { step: null, what: 'config.json', before: null, now: sha('{"lr": 2}') },
    ])
  },
)

const SLOW = `import os, sys, time
print('first', flush=True)
print('careful', file=sys.stderr, flush=True)
while not os.path.exists('go'): time.sleep(0.05)
print('last')
`

test('what a run prints is followed while it runs', async () => {
  const cwd = await folderOf({ 'slow.py': SLOW })
  const begun = begin(['run', 'slow.py'], inFolder(cwd))
  onTestFinished(begun.kill)
  const run = await vi.waitFor(
    async () => {
      const found = await newest()
      expect(found).toMatchObject({ name: 'slow.py', status: 'running' })
      return found
    },
    { timeout: 20_000 },
  )
  const following = begin(['runs', 'logs', run.id, '--follow'], inFolder(cwd))
  onTestFinished(following.kill)
  const sofar = async () => (await gyre(['runs', 'logs', run.id], inFolder(cwd))).stdout
  await vi.waitFor(async () => expect(await sofar()).toContain('first\n'), { timeout: 20_000 })
  await writeFile(join(cwd, 'go'), '')
  expect((await begun.ended).code).toBe(0)
  expect((await following.ended).stdout.split('\n').toSorted()).toEqual([
    '',
    'careful',
    'first',
    'last',
  ])
})

test('kill -9 of the program leaves what was printed so far', async () => {
  const cwd = await folderOf({ 'slow.py': SLOW })
  const begun = begin(['run', 'slow.py', '--hold', '1s'], inFolder(cwd))
  onTestFinished(begun.kill)
  const logs = async () => {
    const { id, name, status } = await newest()
    const { stdout } = await gyre(['runs', 'logs', id], inFolder(cwd))
    return { name, status, lines: stdout.split('\n').toSorted() }
  }
  const told = { name: 'slow.py', lines: ['', 'careful', 'first'] }
  await vi.waitFor(async () => expect(await logs()).toMatchObject(told), { timeout: 20_000 })
  begun.kill()
  await begun.ended
  await vi.waitFor(async () => expect(await logs()).toEqual({ ...told, status: 'lost' }), {
    timeout: 20_000,
  })
})

test('the environment of a project is what its file says: pinned, of the version that it names', async () => {
  const command = 'entry_points: {main: {command: "python fit.py && pip --version"}}'
  const cwd = await folderOf({
    'p/MLproject': `python_env: python_env.yaml\n${command}\n`,
    'p/python_env.yaml': 'dependencies: ["-r more.txt"]\nbuild_dependencies: [pip]\n',
    'p/more.txt': '# nothing\n',
    'p/fit.py': 'import sys; print(sys.prefix != sys.base_prefix)',
    'old/MLproject': `python_env: env.yaml\n${command}\n`,
    'old/env.yaml': 'python: "2.7"\n',
    'odd/MLproject': `python_env: env.yaml\n${command}\n`,
    'odd/env.yaml': 'python: 3.10\n',
    'loose/MLproject': `${command}\n`,
    'loose/python_env.yaml': 'dependencies: [numpy]\n',
    'lost/MLproject': `python_env: nowhere.yaml\n${command}\n`,
  })
  const refusals: readonly (readonly [string, string])[] = [
    ['old', 'env.yaml: python: expected Python 2.7 on the PATH, as python3 or python2.7'],
    ['odd', 'env.yaml: python: expected a version as text, such as "3.10"'],
    ['loose', 'dependencies: python_env.yaml line 1: expected NAME==VERSION, got numpy'],
    ['lost', 'nowhere.yaml: no such file'],
  ]
  for (const [target, message] of refusals) {
    const { code, stderr } = await runIn(cwd, target)
    expect.soft([target, code]).toEqual([target, 2])
    expect.soft(stderr).toContain(message)
  }
  const { run } = await runIn(cwd, 'p')
  expect(run).toMatchObject({ status: 'succeeded', code: { lockfileDigest: expect.any(String) } })
  // Its programs are those of the environment.
  const said = await artifact(run?.id ?? '', 'logs/stdout.txt')
  expect(said).toMatch(/^True\npip .*\/cache\/gyre\/python\//)
})

test('a server that is killed and starts again interrupts no run', async () => {
  const home = await mkdtemp(join(tmpdir(), 'gyre-away-'))
  onTestFinished(() => rm(home, { recursive: true }))
  const first = await launch(home)
  const { port } = new URL(first.url)
  const wait = `import os, time
while not os.path.exists('go'): time.sleep(0.05)
print('went')
`
  const cwd = await folderOf({ 'wait.py': wait })
  const env = { GYRE_URL: first.url, HOME: cwd }
  const begun = begin(['run', 'wait.py', '--hold', '1s', '--json'], { cwd, env })
  onTestFinished(begun.kill)
  await vi.waitFor(() => childOf(begun.pid, /python.*wait\.py/), { timeout: 20_000 })
  await first.stop('SIGKILL')
  await writeFile(join(cwd, 'go'), '')
  const second = await launch(home, { args: ['--port', port] })
  onTestFinished(async () => void (await second.stop('SIGKILL')))
  const { code, stdout } = await begun.ended
  const run = Run.parse(JSON.parse(stdout))
  expect([code, run.status]).toEqual([0, 'succeeded'])
  const kept = await fetch(`${first.url}/get-artifact?run_uuid=${run.id}&path=logs/stdout.txt`)
  expect(await kept.text()).toBe('went\n')
})
