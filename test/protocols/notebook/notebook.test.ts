import { execFile } from 'node:child_process'
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Run } from '@gyre/sdk/wire/run'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { build, gyre, launch, type Running } from '../../e2e/program.ts'
import { folderOf } from '../../e2e/user-folder.ts'
import { pinnedPython } from '../python.ts'

vi.setConfig({ testTimeout: 300_000 })

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const SDK = here('../../../sdk/python')
const execute = promisify(execFile)

let python = ''
let data = ''
let server: Running

beforeAll(async () => {
  python = await pinnedPython(here('requirements.txt'))
  await build()
  data = await mkdtemp(join(tmpdir(), 'gyre-notebook-'))
  server = await launch(data)
}, 1_800_000)

afterAll(async () => {
  await server.stop('SIGKILL')
  await rm(data, { recursive: true })
})

/** As in an activated environment, or with the machine's own Python. */
function environment(activated: boolean, home: string) {
  const path = process.env['PATH'] ?? ''
  const PATH = activated ? [dirname(python), path].join(delimiter) : path
  return { PATH, GYRE_URL: server.url, HOME: home }
}

async function runIn(cwd: string, activated: boolean, ...args: readonly string[]) {
  const env = environment(activated, cwd)
  const ended = await gyre(['run', '--json', ...args], { cwd, env })
  if (ended.stdout === '') throw new Error(ended.stderr)
  return { ...ended, run: Run.parse(JSON.parse(ended.stdout)) }
}

async function newest(): Promise<Run> {
  const { stdout } = await gyre(['runs', 'ls', '--json', '--limit', '1', '--url', server.url])
  const [run] = z.array(Run).parse(JSON.parse(stdout))
  if (!run) throw new Error('no run')
  return run
}

async function artifact(id: string, path: string): Promise<string> {
  const response = await fetch(`${server.url}/get-artifact?run_uuid=${id}&path=${path}`)
  expect([path, response.status]).toEqual([path, 200])
  return response.text()
}

const Outputs = z.array(z.array(z.record(z.string(), z.unknown())).nullable())

/** Rows to test on, as a dataset of a project. */
const CONFIG = `import { csv, dataset, int, number, project } from '@gyre/sdk'
export const card = project('tumours', {
  task: 'Is it benign?',
  metric: 'accuracy',
  baseline: 'always benign',
  thresholds: { accuracy: { atLeast: 0.9 } },
  owner: 'the tests',
})
export const holdout = dataset('holdout', {
  source: csv('./holdout.csv'),
  columns: { x0: number(), x1: number(), x20: number(), x27: number(), label: int().between(0, 1) },
})
`

/** The tests that the guide shows. */
async function guideTests(): Promise<string> {
  const guide = await readFile(here('../../../docs/guides/from-notebook-to-run.md'), 'utf8')
  const [, text] = /```python\n(# test_quality\.py\n[^`]+)```/.exec(guide) ?? []
  if (text === undefined) throw new Error('the guide shows no test_quality.py')
  return text
}

/** The outputs of the executed copy, which nbformat takes for valid. */
async function outputsOf(cwd: string, id: string, name: string) {
  const copy = join(cwd, 'copy.ipynb')
  await writeFile(copy, await artifact(id, `notebook/${name}`))
  const { stdout } = await execute(python, [here('validate.py'), copy])
  return Outputs.parse(JSON.parse(stdout))
}

const cell = (id: string, source: string, tags?: readonly string[]) => ({
  cell_type: 'code',
  id,
  metadata: tags ? { tags } : {},
  source: source.split(/(?<=\n)/),
  outputs: [],
  execution_count: 99,
})
const notebook = (...cells: readonly object[]) =>
  JSON.stringify({
    nbformat: 4,
    nbformat_minor: 5,
    metadata: { kernelspec: { name: 'elsewhere', display_name: 'x', language: 'python' } },
    cells,
  })

test('a kernel executes magics and shows frames; the copy is a valid notebook', async () => {
  const cwd = await folderOf({
    'nb.ipynb': notebook(
      cell('one', 'scale = 1\n', ['parameters']),
      cell('two', '%matplotlib --list\nimport mlflow\nmlflow.log_metric("scale", scale)'),
      cell('three', 'import pandas\npandas.DataFrame({"a": [scale]})'),
      cell('four', '!echo from the shell'),
      cell('five', 'gone'),
    ),
  })
  const { code, run } = await runIn(cwd, true, 'nb.ipynb', '-P', 'scale=7')
  expect([code, run.status]).toEqual([1, 'failed'])
  expect(run.error?.message).toBe("nb.ipynb: cell 5, line 1: NameError: name 'gone' is not defined")
  expect(run.metrics).toEqual({ scale: 7 })
  const outputs = await outputsOf(cwd, run.id, 'nb.ipynb')
  expect(outputs[3]).toMatchObject([
    { data: { 'text/html': expect.stringContaining('<td>7</td>') } },
  ])
  expect(outputs[4]).toMatchObject([{ text: expect.stringContaining('from the shell') }])
  expect(outputs[5]).toMatchObject([{ output_type: 'error', ename: 'NameError' }])
  expect(await artifact(run.id, 'logs/stdout.txt')).toContain('from the shell')
})

test('what the standard library executes is a valid notebook too', async () => {
  const cwd = await folderOf({
    'none.lock': '',
    'nb.ipynb': notebook(
      cell('one', 'scale = 1\n', ['parameters']),
      cell('two', 'import sys\nprint("out")\nprint("err", file=sys.stderr)\ndisplay(3)\nscale'),
      cell('three', 'gone'),
    ),
  })
  const { run } = await runIn(
    cwd,
    false,
    'nb.ipynb',
    '-P',
    'scale=7',
    '--requirements',
    'none.lock',
  )
  expect(run.error?.message).toContain("cell 3, line 1: NameError: name 'gone' is not defined")
  const outputs = await outputsOf(cwd, run.id, 'nb.ipynb')
  expect(outputs[2]).toMatchObject([
    { name: 'stdout', text: 'out\n' },
    { name: 'stderr', text: 'err\n' },
    { output_type: 'display_data', data: { 'text/plain': '3' } },
    { output_type: 'execute_result', data: { 'text/plain': '7' } },
  ])
})

test("MLflow's client logs to the run it is in; tests judge what it registered, and are a run", async () => {
  const cwd = await folderOf({ 'gyre.config.ts': CONFIG, 'test_guide.py': await guideTests() })
  for (const file of ['train.py', 'test_quality.py']) await copyFile(here(file), join(cwd, file))
  const { run } = await runIn(cwd, true, 'train.py', '--experiment', 'tumours')
  expect(run).toMatchObject({
    status: 'succeeded',
    kind: 'script',
    params: { logisticregression__C: '0.5' },
    metrics: { 'by hand': 0.5, training_accuracy_score: expect.any(Number) },
    environment: { 'scikit-learn': '1.9.1', 'mlflow-skinny': '3.17.2' },
  })
  expect(await artifact(run.id, 'logs/stdout.txt')).toContain(`logged to ${run.id}`)

  for (const args of [['apply'], ['data', 'import', 'holdout']])
    expect((await gyre(args, { cwd, env: environment(false, cwd) })).stderr).toBe('')
  const asked = [
    '--gyre-model',
    'models:/tumour@champion',
    '--gyre-evaluation-set',
    'dataset:holdout',
  ]
  const pytest = async (least: string) => {
    const args = ['-m', 'pytest', '-p', 'gyre.testing', ...asked]
    const env = { ...environment(true, cwd), PYTHONPATH: SDK, LEAST: least }
    const ended = await execute(python, args, { cwd, env }).then(
      ({ stdout }) => ({ code: 0, stdout }),
      (failed: { code: number; stdout: string }) => failed,
    )
    return { ...ended, run: await newest() }
  }
  const passed = await pytest('0.90')
  expect([passed.code, passed.stdout]).toEqual([0, expect.stringContaining('6 passed')])
  expect(passed.run).toMatchObject({
    kind: 'evaluation',
    name: 'tumour@champion',
    status: 'succeeded',
    params: { model: 'model:tumour@1', evaluation_set: 'dataset:holdout@1' },
    inputs: [{ ref: 'model:tumour@1', role: 'model' }],
    metrics: { 'tests.passed': 6, 'tests.failed': 0, accuracy: expect.any(Number) },
  })
  expect(passed.run.metrics['accuracy']).toBeGreaterThanOrEqual(0.9)
  expect(await artifact(passed.run.id, 'junit.xml')).toContain('tests="6"')

  const failed = await pytest('0.999')
  expect([failed.code, failed.run.status]).toEqual([1, 'failed'])
  expect(failed.run.metrics).toMatchObject({ 'tests.passed': 5, 'tests.failed': 1 })
  expect(failed.run.metrics['accuracy']).toBe(passed.run.metrics['accuracy'])
})

test('a model that is not there, and no model at all, are told before any test', async () => {
  const cwd = await folderOf({})
  await copyFile(here('test_quality.py'), join(cwd, 'test_quality.py'))
  const pytest = async (...given: readonly string[]) => {
    const args = ['-m', 'pytest', '-p', 'gyre.testing', ...given]
    const env = { ...environment(true, cwd), PYTHONPATH: SDK }
    const failed = await execute(python, args, { cwd, env }).catch(
      (thrown: { code: number; stdout: string; stderr: string }) => thrown,
    )
    return failed.stdout + failed.stderr
  }
  expect(await pytest('--gyre-model', 'models:/nothing/1')).toContain(
    '--gyre-model models:/nothing/1: ',
  )
  expect(await pytest('--gyre-model', 'nothing')).toContain('expected models:/NAME@ALIAS')
  expect(await pytest()).toContain('this test needs --gyre-model')
  const rows = await pytest(
    '--gyre-model',
    'models:/tumour/1',
    '--gyre-evaluation-set',
    'dataset:x',
  )
  expect(rows).toContain('there is no dataset:x; known versions: []')
})
