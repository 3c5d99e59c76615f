import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { readReport } from './python-report.ts'

let path: string

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
