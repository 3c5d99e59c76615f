import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { fillCommand, readMlProject } from './mlproject.ts'

const read = (text: string) => readMlProject('MLproject', text)

/** The example of MLflow's documentation on projects. */
const DOCUMENTED = `
name: My Project
python_env: python_env.yaml
entry_points:
  main:
    parameters:
      data_file: path
      regularization: {type: float, default: 0.1}
    command: "python train.py -r {regularization} {data_file}"
  validate:
    parameters:
      data_file: path
    command: "python validate.py {data_file}"
`

async function folders() {
  const project = await mkdtemp(join(tmpdir(), 'gyre-project-'))
  onTestFinished(() => rm(project, { recursive: true }))
  await writeFile(join(project, 'data.csv'), 'x\n')
  return { caller: project, project }
}

test.each([
  ['a: [', /^MLproject: /],
  ['entry_points: [1]', /^MLproject: entry_points: /],
  ['entry_points: {main: {parameters: {}}}', /entry_points\.main\.command: expected the command/],
  ['entry_points: {main: {command: x, parameters: {a: integer}}}', /main\.parameters\.a: /],
  ['entrypoints: {}', /Unrecognized key/],
])('%s is refused by file and member', (text, message) => {
  expect(() => read(text)).toThrow(message)
  expect(() => read(text)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
})

test.each([
  ['no value', {}, 'needs it, and has no default'],
  ['no number', { data_file: 'data.csv', regularization: 'much' }, 'expected a number, got much'],
  ['no file', { data_file: 'missing.csv' }, 'no such file or folder: missing.csv'],
  ['elsewhere', { data_file: 's3://bucket/data.csv' }, 'fetch it first'],
])('%s is refused by the parameter', async (_, given, message) => {
  const point = read(DOCUMENTED).entry_points['main']
  if (!point) throw new Error('no entry point')
  const fill = async () =>
    fillCommand('main', point, new Map(Object.entries(given)), await folders())
  await expect(fill()).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringContaining(message),
    details: { field: expect.stringMatching(/^param\./) },
  })
})

test('parameters are put into the command, quoted; others follow it', async () => {
  const point = read(DOCUMENTED).entry_points['main']
  if (!point) throw new Error('no entry point')
  const at = await folders()
  const given = new Map([
    ['data_file', 'data.csv'],
    ['note', "it's; rm -rf ."],
  ])
  expect(fillCommand('main', point, given, at)).toEqual({
    command: `python train.py -r 0.1 ${at.project}/data.csv --note 'it'"'"'s; rm -rf .'`,
    params: { data_file: 'data.csv', regularization: '0.1', note: "it's; rm -rf ." },
  })
})

test('braces that are doubled stay, a name that is no parameter is refused', async () => {
  const at = await folders()
  const fill = (command: string) =>
    fillCommand('main', { command, parameters: {} }, new Map(), at).command
  expect(fill("awk '{{print $1}}' f")).toBe("awk '{print $1}' f")
  expect(() => fill('echo {alpha}')).toThrow(/param alpha: entry point main has it in its command/)
})

test('a preset path is the project’s, a given one the caller’s, a URI with a scheme stays', async () => {
  const { project } = await folders()
  const { caller } = await folders()
  const text = `entry_points: {main: {command: "echo {a} {b}", parameters: {a: {type: path, default: data.csv}, b: uri}}}`
  const point = read(text).entry_points['main']
  if (!point) throw new Error('no entry point')
  const filled = (b: string) => fillCommand('main', point, new Map([['b', b]]), { caller, project })
  expect(filled('s3://bucket/x').command).toBe(`echo ${project}/data.csv s3://bucket/x`)
  expect(filled('data.csv').command).toBe(`echo ${project}/data.csv ${caller}/data.csv`)
})
