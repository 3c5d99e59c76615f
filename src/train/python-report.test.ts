import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { openReport, type PythonReport } from './python-report.ts'

let path: string

async function pointsOf(report: PythonReport, isWhole = true) {
  const points = []
  for await (const point of report.read(isWhole)) points.push(point)
  return points
}

async function readReport(of: string) {
  const report = openReport(of)
  const points = await pointsOf(report)
  return { points, values: report.values, paths: report.paths }
}

beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gyre-report-'))
  path = join(folder, 'report.jsonl')
  onTestFinished(() => rm(folder, { recursive: true }))
})

test('a script that reports nothing has given nothing', async () => {
  expect(await readReport(path)).toEqual({ points: [], values: new Map(), paths: new Map() })
})

test('metrics come in their order, numbers that are none too; outputs by name', async () => {
  const lines = [
    '{"metric": "loss", "value": 0.5, "step": 0}',
    '',
    '{"metric": "loss", "value": "NaN", "step": 1}\r',
    '{"metric": "best", "value": "-Infinity"}',
    '{"output": "order", "value": ["b", null, {"a": 1}]}',
    '{"output": "model", "path": "model.pkl"}',
  ]
  await writeFile(path, lines.join('\n'))
  expect(await readReport(path)).toEqual({
    points: [
      { key: 'loss', value: 0.5, step: 0 },
      { key: 'loss', value: NaN, step: 1 },
      { key: 'best', value: -Infinity },
    ],
    values: new Map([['order', ['b', null, { a: 1 }]]]),
    paths: new Map([['model', 'model.pkl']]),
  })
})

test.each([
  'no json',
  '{"metric": "a", "value": NaN}',
  '{"metric": "a", "value": 1',
  '{"metric": "", "value": 1}',
  '{"metric": "a", "value": "1"}',
  '{"metric": "a", "value": 1, "step": 0.5}',
  '{"output": "a"}',
  '{"output": "a", "value": 1, "path": "b"}',
  '[]',
  'null',
])('a line that is not as it should be is named: %s', async (line) => {
  await writeFile(path, `{"metric": "a", "value": 1}\n${line}\n`)
  const thrown: unknown = await readReport(path).catch((error: unknown) => error)
  expect(thrown).toMatchObject({ code: 'STEP_FAILED', details: { line: 2 } })
  expect(String(thrown)).toContain(`got ${line}`)
})

test('an output that is told twice is refused, in whichever form', async () => {
  const told = '{"output": "a", "value": 1}\n{"output": "a", "path": "b"}\n'
  await writeFile(path, told)
  await expect(readReport(path)).rejects.toMatchObject({
    message: 'report line 2: output a is told twice',
  })
})

const line = (step: number) => `{"metric": "é", "value": ${step}, "step": ${step}}\n`
const point = (step: number) => ({ key: 'é', value: step, step })

test('a report that grows gives each line once, and one that is being written when it has ended', async () => {
  const report = openReport(path)
  expect(await pointsOf(report, false)).toEqual([])
  await writeFile(path, line(0))
  expect(await pointsOf(report, false)).toEqual([point(0)])
  expect(await pointsOf(report, false)).toEqual([])
  // Cut inside a character of two bytes.
  const bytes = Buffer.from(line(1) + line(2))
  const cut = bytes.lastIndexOf('é') + 1
  await appendFile(path, bytes.subarray(0, cut))
  expect(await pointsOf(report, false)).toEqual([point(1)])
  await appendFile(path, bytes.subarray(cut))
  expect(await pointsOf(report, false)).toEqual([point(2)])
  await appendFile(path, line(3).trimEnd())
  expect(await pointsOf(report, false)).toEqual([])
  expect(await pointsOf(report, true)).toEqual([point(3)])
})

test('a report that was begun anew has lost what it told, and says how not to', async () => {
  const report = openReport(path)
  await writeFile(path, '{"metric": "a", "value": 1}\n{"metric": "a", "value": 2}\n')
  await pointsOf(report)
  await writeFile(path, '{"metric": "a", "value": 1}\n')
  await expect(pointsOf(report)).rejects.toMatchObject({
    code: 'STEP_FAILED',
    message: expect.stringContaining('open it once, or to append'),
  })
})
