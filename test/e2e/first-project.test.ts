import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { tempFolder } from '../../src/store/contract/temp-folder.ts'
import { build, gyre, up } from './program.ts'

beforeAll(build)

/** The commands of a README's first shell block, without their comments. */
async function commandsOf(readme: string): Promise<readonly string[]> {
  const [, block = ''] = /```sh\n([^`]+)```/.exec(await readFile(readme, 'utf8')) ?? []
  return block
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '')
}

test('a new project runs as its README says, from its answers to a model that serves', async () => {
  const folder = await tempFolder()
  const project = join(folder, 'churn')
  const made = await gyre(['init', project, '--thresholds', '0.65', '--owner', "O'Hara"])
  expect(made).toMatchObject({ code: 0, stderr: '' })
  expect(await gyre(['init', project])).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^gyre: \S+churn is not empty; name a new folder\n$/),
  })
  const server = await up(join(folder, 'data'))
  const inProject = { cwd: project, env: { GYRE_URL: server.url } }

  const commands = await commandsOf(join(project, 'README.md'))
  expect(commands).toEqual([
    'gyre apply',
    'gyre data import customers',
    'gyre pipeline run train',
    'gyre model show churn',
    'gyre model approve churn@1',
    'gyre release churn churn@1',
  ])
  for (const command of commands)
    expect([command, await gyre(command.split(' ').slice(1), inProject)]).toEqual([
      command,
      { code: 0, stderr: '', stdout: expect.any(String) },
    ])

  const shown = await gyre(['model', 'show', 'churn'], inProject)
  expect(shown.stdout).toMatch(/^in production +model:churn@1, created \S+ by local$/m)
  expect(shown.stdout).toMatch(/^behind +churn \(stable, 100 % of subjects\)$/m)
  expect(shown.stdout).toMatch(/^trained on +dataset:customers@1 sha256:[0-9a-f]{64}$/m)
  expect(shown.stdout).toMatch(/^approved by +local at /m)
  expect(shown.stdout).toMatch(/^gate +good-enough passed on \d+ rows$/m)
  const auc = Number(/^auc +([\d.]+) /m.exec(shown.stdout)?.[1])
  expect(auc).toBeGreaterThan(0.65)

  const reply = await fetch(`${server.url}/predict/churn`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ subject: 'c1', input: { plan: 'free', visits: 3, tickets: 1 } }),
  })
  const { prediction_id: id } = z
    .object({ prediction_id: z.string(), model_version: z.literal('model:churn@1') })
    .parse(await reply.json())
  const lineage = await gyre(['lineage', `prediction:${id}`], inProject)
  expect(lineage.stdout).toMatch(/dataset:customers@1 sha256:[0-9a-f]{64}/)
})

test('the gate of a new project reads its answers: the metric from its good side, and the baseline', async () => {
  const folder = await tempFolder()
  const project = join(folder, 'churn')
  expect(await gyre(['init', project, '--metric', 'profit'])).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^gyre: metric: expected one of auc, logLoss, .*, got profit\n$/),
  })
  expect(await gyre(['init', project, '--thresholds', 'good'])).toMatchObject({
    code: 2,
    stderr: 'gyre: thresholds: expected a number, got good\n',
  })
  await gyre(['init', project, '--metric', 'logLoss', '--thresholds', '0.5'])
  expect(await readFile(join(project, 'gyre.config.ts'), 'utf8')).toContain(
    "thresholds: { logLoss: { atMost: 0.5, betterThan: 'baseline' } },",
  )
})

test('gyre apply --plan tells what would change and changes nothing, not a byte stored; a folder is no file', async () => {
  const folder = await tempFolder()
  const [project, data] = [join(folder, 'churn'), join(folder, 'data')]
  await gyre(['init', project])
  const server = await up(data)
  const read = async (path: string): Promise<unknown> =>
    (await fetch(`${server.url}/api/v1/${path}`)).json()
  const state = async () => ({
    project: await read('project').then((reply) => z.object({ code: z.string() }).parse(reply)),
    endpoints: await read('endpoints'),
    events: await read('event-log'),
    blobs: await readdir(join(data, 'blobs'), { recursive: true }),
  })
  const before = await state()
  expect(before.project).toEqual({ code: 'NOT_FOUND' })

  const planned = await gyre(['apply', project, '--plan', '--url', server.url])
  expect(planned).toMatchObject({ code: 0, stderr: '' })
  expect(planned.stdout).toMatch(/^added +dataset +customers$/m)
  expect(planned.stdout).toMatch(/^planned; nothing was changed$/m)
  expect(await state()).toEqual(before)

  expect(await gyre(['apply', project, '--url', server.url])).toMatchObject({
    stdout: expect.stringMatching(/^code:churn@1: 6 changes$/m),
  })
  expect(await gyre(['apply', project, '--url', server.url])).toMatchObject({
    stdout: 'code:churn@1: 0 changes\n',
  })
  const folderForFile = ['data', 'import', 'customers', '--file', project, '--url', server.url]
  expect(await gyre(folderForFile)).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringMatching(/^gyre: \S+churn: expected a file, got a folder\n$/),
  })
})
