import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { beforeAll, expect, test } from 'vitest'
import { githubWorkflow } from '../../src/cli/ci/github-workflow.ts'
import { tempFolder } from '../../src/store/contract/temp-folder.ts'
import { BIN, build, gyre, up } from './program.ts'

beforeAll(build)

/** A command of the project's README, as whoever builds starts it. */
async function shell(command: string, cwd: string, env: Readonly<Record<string, string>>) {
  const child = spawn('bash', ['-c', command], {
    cwd,
    env: { PATH: process.env['PATH'], HOME: cwd, GYRE: `${process.execPath} ${BIN}`, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ])
  return { code: Number(code), stdout, stderr }
}

async function newProject(): Promise<{ readonly folder: string; readonly project: string }> {
  const folder = await tempFolder()
  const project = join(folder, 'churn')
  expect(await gyre(['init', project, '--yes'])).toMatchObject({ code: 0 })
  return { folder, project }
}

test('the scripts of a new project bring a version from its rows to production', async () => {
  const { folder, project } = await newProject()
  const entries = [
    'deploy.sh',
    'evaluate.py',
    'quality_gate.py',
    'smoke_test.py',
    'train.py',
    'validate_data.py',
  ]
  expect(await readdir(join(project, 'scripts'))).toEqual(expect.arrayContaining(entries))
  const [, block = ''] =
    /## From a change to production[^]*?```sh\n([^`]+)```/.exec(
      await readFile(join(project, 'README.md'), 'utf8'),
    ) ?? []
  const commands = block
    .trim()
    .split('\n')
    .map((line) => line.replace(/ #.*/, '').trim())
  expect(commands).toHaveLength(7)

  const server = await up(join(folder, 'data'))
  const env = { GYRE_URL: server.url }
  const early = await shell('python3 scripts/quality_gate.py', project, env)
  expect([early.code, early.stderr]).toEqual([
    1,
    expect.stringContaining('run scripts/train.py first'),
  ])
  const where = await shell('bash scripts/deploy.sh elsewhere', project, env)
  expect([where.code, where.stderr]).toEqual([
    2,
    "expected staging or production, got 'elsewhere'\n",
  ])
  const bad = await shell('python3 scripts/train.py --config none.json', project, env)
  expect([bad.code, bad.stderr]).toEqual([1, expect.stringContaining("'none.json'")])

  const isDone = async (command: string): Promise<void> => {
    const { code, stderr } = await shell(command, project, env)
    expect([command, code, code === 0 ? '' : stderr]).toEqual([command, 0, ''])
  }
  for (const command of commands.slice(0, 4)) await isDone(command)
  const refused = await shell('bash scripts/deploy.sh staging', project, env)
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('approv')])
  await gyre(['model', 'approve', 'churn@1', '--url', server.url])
  for (const command of commands.slice(4)) await isDone(command)
  const { stdout } = await gyre(['model', 'show', 'churn', '--url', server.url])
  expect(stdout).toMatch(/^behind +churn \(stable, 100 % of subjects\)/m)
  expect(
    JSON.parse(await readFile(join(project, 'report', 'evaluation.json'), 'utf8')),
  ).toMatchObject({
    version: { ref: 'model:churn@1' },
  })
  const reports = await readdir(join(project, 'report'))
  expect(reports).toEqual(
    expect.arrayContaining(['ci.json', 'ci.md', 'ci.xml', 'data.xml', 'train.json']),
  )
})

test("the scripts run what the workflow's jobs run", async () => {
  const { project } = await newProject()
  const workflow = githubWorkflow({
    inside: '',
    gyre: 'GYRE',
    endpoint: 'churn',
    staging: 'churn-staging',
  }).replaceAll(/"\$\(node -p [^\n]+?\)"/g, 'churn@1')
  await mkdir(join(project, 'report'))
  await writeFile(join(project, 'report', 'train.json'), '{"models": ["churn@1"]}')
  await writeFile(join(project, 'configs', 'train.json'), '{"params": {}}')
  for (const command of [
    'python3 scripts/validate_data.py',
    'python3 scripts/train.py --config configs/train.json',
    'python3 scripts/quality_gate.py',
    'bash scripts/deploy.sh staging',
    'bash scripts/deploy.sh production',
  ]) {
    const { stdout } = await shell(command, project, { GYRE: 'echo GYRE' })
    expect.soft(workflow).toContain(`${stdout.trim()}\n`)
  }
})
