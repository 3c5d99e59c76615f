import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { build, gyre, launch, type Running } from './program.ts'

const hasPython = spawnSync('python3', ['--version']).status === 0

const CONFIG = `
import { int, notebook, pipeline, python, step, text } from '@gyre/sdk'
export const train = pipeline('train', { seed: int(7), mode: text('good') }, ({ seed, mode }) => {
  const fit = step('fit', notebook<object, { total: number; notes: unknown }>('nb/fit.ipynb'), { retries: 1 })
  const made = fit({ seed, mode, rates: [0.5, 1.5] })
  step('use', python('nb/use.py'))({ total: made.total, notes: made.notes, ran: made.notebook })
})
`

const cell = (source: string, tags: readonly string[] = []) => ({
  cell_type: 'code',
  metadata: { tags },
  source: source.split(/(?<=\n)/),
  outputs: [{ output_type: 'stream', name: 'stdout', text: 'of another day' }],
  execution_count: 41,
})

const notebook = (...cells: readonly object[]) =>
  JSON.stringify({ nbformat: 4, nbformat_minor: 4, metadata: {}, cells })

const CELLS = [
  { cell_type: 'markdown', metadata: {}, source: '# Fit' },
  cell('rates = []\nmode = "notes"\nseed = 0', ['parameters']),
  cell('import json, os\nfrom scale import SCALE\nreport = open(os.environ["GYRE_REPORT"], "a")'),
  cell('print("mode is", mode)\ntotal = SCALE * sum(rates) + seed\ntotal'),
  cell('if mode == "bad":\n    raise ValueError(f"no {mode} rows")'),
  cell(`
def tell(**line):
    print(json.dumps(line), file=report, flush=True)
with open("notes.txt", "w") as file:
    file.write("kept")
tell(metric="total", value=total)
tell(output="total", value=total)
tell(output="notes", path="notes.txt")`),
]

const USE = `
import json, os
with open(os.environ['GYRE_INPUTS']) as file:
    inputs = json.load(file)
with open(inputs['notes']['path']) as notes, open(inputs['ran']['path']) as ran:
    cells = json.load(ran)['cells']
    shown = [cell['outputs'] for cell in cells if cell['cell_type'] == 'code']
    told = {'notes': notes.read(), 'total': inputs['total'], 'shown': shown[3]}
with open(os.environ['GYRE_REPORT'], 'w') as report:
    print(json.dumps({'output': 'told', 'value': told}), file=report)
`

const Pipeline = z.object({
  status: z.string(),
  steps: z.array(
    z.object({
      step: z.string(),
      runId: z.string().nullable(),
      attempt: z.number(),
      cached: z.boolean(),
      outputs: z.unknown(),
      error: z.object({ code: z.string(), message: z.string() }).nullable(),
    }),
  ),
})

let folder: string
let server: Running

const cli = (...args: readonly string[]) =>
  gyre(args, { cwd: join(folder, 'shop'), env: { GYRE_URL: server.url } })

const write = (path: string, content: string) => writeFile(join(folder, 'shop', path), content)

async function train(...params: readonly string[]) {
  const { code } = await cli('pipeline', 'run', 'train', ...params.flatMap((p) => ['--param', p]))
  const reply = await fetch(`${server.url}/api/v1/pipeline-runs?limit=1`)
  const { runs } = z.object({ runs: z.tuple([Pipeline]) }).parse(await reply.json())
  return { code, steps: runs[0].steps }
}

beforeAll(async () => {
  await build()
  folder = await mkdtemp(join(tmpdir(), 'gyre-notebook-step-'))
  await mkdir(join(folder, 'shop', 'nb'), { recursive: true })
  await write('package.json', '{ "name": "shop", "type": "module" }')
  await write('gyre.config.ts', CONFIG)
  await write('nb/fit.ipynb', notebook(...CELLS))
  await write('nb/scale.py', 'SCALE = 8\n')
  await write('nb/use.py', USE)
  server = await launch(join(folder, 'data'))
})

afterAll(async () => {
  await server.stop('SIGKILL')
  await rm(folder, { recursive: true, force: true })
})

test.each([
  ['nb/fit.ipynb', 'no JSON', /step fit\.script: nb\/fit\.ipynb is no notebook: expected JSON/],
  [
    'gyre.config.ts',
    CONFIG.replace('nb/fit.ipynb', 'nb/none.ipynb'),
    /step fit\.script: no file nb\/none\.ipynb in the project/,
  ],
  [
    'gyre.config.ts',
    CONFIG.replace('rates:', "'learning-rates':"),
    /step fit\.learning-rates: expected the name of a variable, which a notebook can read/,
  ],
] as const)('apply refuses a notebook that cannot run: %s, %s', async (path, content, says) => {
  await write(path, content)
  expect(await cli('apply')).toMatchObject({ code: 2, stderr: expect.stringMatching(says) })
  await write('gyre.config.ts', CONFIG)
  await write('nb/fit.ipynb', notebook(...CELLS))
})

describe.skipIf(!hasPython)('notebooks as steps (python3 is needed)', () => {
  beforeAll(async () => {
    const { code, stderr } = await cli('apply')
    if (code !== 0) throw new Error(stderr)
  })

  test('a cell that fails is told by its number and line, the last word of the step; and tried again', async () => {
    const { code, steps } = await train('mode=bad')
    expect([code, steps[0]?.attempt, steps[0]?.error?.code]).toEqual([1, 2, 'STEP_FAILED'])
    expect(steps[0]?.error?.message).toMatch(/^nb\/fit\.ipynb ended with exit code 1\n/)
    expect(steps[0]?.error?.message).toMatch(
      /\nnb\/fit\.ipynb: cell 5, line 2: ValueError: no bad rows$/,
    )
  })

  test('its inputs are its variables; metrics, files, what it shows and its log come back', async () => {
    const { code, steps } = await train()
    expect([code, steps.map(({ error }) => error)]).toEqual([0, [null, null]])
    // 8 · (0.5 + 1.5) + 7
    expect(steps[1]?.outputs).toEqual({
      told: {
        notes: 'kept',
        total: 23,
        shown: [
          { output_type: 'stream', name: 'stdout', text: 'mode is good\n' },
          {
            output_type: 'execute_result',
            execution_count: 4,
            data: { 'text/plain': '23.0' },
            metadata: {},
          },
        ],
      },
    })
    const logs = await cli('runs', 'logs', steps[0]?.runId ?? '')
    expect(logs.stdout).toContain('mode is good')
    const shown = await cli('runs', 'show', steps[0]?.runId ?? '')
    expect(shown.stdout).toContain('python3 -m gyre.notebook nb/fit.ipynb')
  })

  test('saved outputs change nothing, an edited cell or module does', async () => {
    await write(
      'nb/fit.ipynb',
      notebook(...CELLS.map((each) => ('outputs' in each ? { ...each, outputs: [] } : each))),
    )
    await cli('apply')
    expect((await train()).steps.map(({ cached }) => cached)).toEqual([true, true])
    await write('nb/fit.ipynb', notebook(...CELLS, cell('"more"')))
    await cli('apply')
    expect((await train()).steps[0]?.cached).toBe(false)
    await write('nb/scale.py', 'SCALE = 9\n')
    await cli('apply')
    expect((await train()).steps[0]).toMatchObject({ cached: false, outputs: { total: 25 } })
  })
})
