import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { z } from 'zod'
import { build, gyre, up } from './program.ts'

const Report = z.object({
  passed: z.boolean(),
  server: z.string().nullable(),
  gates: z.array(
    z.object({
      family: z.string(),
      name: z.string(),
      status: z.string(),
      checks: z.array(z.object({ name: z.string(), status: z.string(), reason: z.string() })),
    }),
  ),
})

const BIN = fileURLToPath(new URL('../../bin/gyre.js', import.meta.url))

beforeAll(build)

/** A new project, and a folder of its own for whatever is temporary. */
async function newProject(threshold = '0.6') {
  const folder = await mkdtemp(join(tmpdir(), 'gyre-ci-test-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const [project, temporary] = [join(folder, 'churn'), join(folder, 'tmp')]
  await mkdir(temporary)
  await gyre(['init', project, '--yes', '--thresholds', threshold])
  const ci = async (...args: readonly string[]) => {
    const files = ['json', 'junit', 'markdown'].flatMap((kind) => [
      `--${kind}`,
      join(folder, `report.${kind}`),
    ])
    return gyre(['ci', project, ...files, ...args], { env: { TMPDIR: temporary } })
  }
  const read = (kind: string) => readFile(join(folder, `report.${kind}`), 'utf8')
  const report = async () => Report.parse(JSON.parse(await read('json')))
  /** The gates that failed, each with the reasons. */
  const refusals = async () =>
    (await report()).gates
      .filter(({ status }) => status === 'failed')
      .map(({ family, name, checks }) => [
        `${family} ${name}`,
        checks.filter(({ status }) => status === 'failed').map(({ reason }) => reason),
      ])
  return { folder, project, temporary, ci, read, report, refusals }
}

test('a good project passes on a server of its own, which leaves nothing behind', async () => {
  const { project, temporary, ci, read, report } = await newProject()
  const junit = `<testsuite><testcase name="adds"/></testsuite>`
  const tests = `node -e 'require("fs").writeFileSync("r.xml", ${JSON.stringify(junit)})'`
  await writeFile(
    join(project, 'r.xml'),
    '<testsuite><testcase name="old"><failure/></testcase></testsuite>',
  )
  const ended = await ci('--test', tests, '--test-junit', 'r.xml')
  expect(ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/\n\npassed\n$/) })
  const left = await readdir(temporary)
  expect(left.filter((name) => name.startsWith('gyre-'))).toEqual([])
  const { passed, server, gates } = await report()
  expect([passed, server]).toEqual([true, null])
  expect(gates.map(({ family, name, status }) => [family, name, status])).toEqual([
    ['code', 'tests', 'passed'],
    ['data', 'customers', 'passed'],
    ['model', 'churn@1 by good-enough', 'passed'],
  ])
  expect(await read('junit')).toContain('<testcase classname="code tests" name="adds"/>')
  expect(await read('markdown')).toMatch(/^## ✅ churn: all gates passed$/m)
})

test('a model below its threshold, tests that fail and tests without a report are refused with reasons', async () => {
  const { ci, read, refusals } = await newProject('0.99')
  const ended = await ci('--test', 'exit 3', '--test-junit', 'r.xml')
  expect(ended.code).toBe(1)
  expect(ended.stdout).toMatch(/auc: 0\.85\d+ is not ≥ 0\.99 \[95 % 0\.8\d+ to 0\.8\d+\]/)
  expect(await refusals()).toEqual([
    ['code tests', ['ended with 3', 'the tests wrote no such report']],
    ['model churn@1 by good-enough', [expect.stringMatching(/^0\.85\d+ is not ≥ 0\.99$/)]],
  ])
  expect(await read('markdown')).toContain('refused, 2 of 3 gates failed')
})

test('data that breaks its contract is refused, and nothing is trained on it', async () => {
  const { project, ci, refusals } = await newProject()
  const file = join(project, 'data', 'customers.csv')
  await writeFile(file, (await readFile(file, 'utf8')).replace(/,\d+,\d+,\d\n/, ',5000,1,0\n'))
  expect((await ci()).code).toBe(1)
  expect(await refusals()).toEqual([
    ['data customers', [expect.stringMatching(/visits.*(max|1000)/s)]],
  ])
})

test('code that cannot be read is a bad change, a wrong command is not', async () => {
  const { folder, project, ci, refusals } = await newProject()
  expect(await ci('--pipeline', 'nope')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('expected one that has a gate and registers, of train'),
  })
  expect(await ci('--nope')).toMatchObject({ code: 2 })
  expect(await gyre(['ci', folder])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('no gyre.config.ts'),
  })
  await writeFile(join(project, 'gyre.config.ts'), 'export const broken = (')
  expect((await ci()).code).toBe(1)
  expect(await refusals()).toEqual([['code project', [expect.stringContaining('gyre.config.ts')]]])
})

test('a report that cannot be written is refused before anything is run', async () => {
  const { folder, project, ci } = await newProject()
  const mark = join(folder, 'mark')
  const asked = ['--test', `touch ${mark}`, '--only', 'code']
  for (const [option, path, problem] of [
    ['json', join(folder, 'nowhere', 'r.json'), `there is no folder ${join(folder, 'nowhere')}`],
    ['junit', folder, 'it is a folder'],
    ['markdown', join(project, 'package.json', 'r.md'), 'ENOTDIR'],
  ] as const)
    expect(await gyre(['ci', project, ...asked, `--${option}`, path])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`--${option}: cannot write ${path}: ${problem}`),
    })
  await expect(readFile(mark)).rejects.toThrow('ENOENT')
  expect(await ci(...asked)).toMatchObject({ code: 0 })
  expect(await readFile(mark, 'utf8')).toBe('')
})

test.each([
  ['SIGINT', 1],
  ['SIGTERM', 1],
  ['SIGINT', 2],
] as const)('%s, sent %d times, leaves no folder behind', async (signal, times) => {
  const { project, temporary } = await newProject()
  const env = { ...process.env, TMPDIR: temporary }
  const child = spawn(process.execPath, [BIN, 'ci', project], { env, stdio: 'ignore' })
  const ended = once(child, 'close')
  const own = async () => (await readdir(temporary)).filter((name) => name.startsWith('gyre-ci-'))
  await vi.waitUntil(async () => (await own()).length > 0, { timeout: 120_000 })
  for (let sent = 0; sent < times; sent++) child.kill(signal)
  const [code] = await ended
  expect(code).toBe(130)
  expect(await own()).toEqual([])
})

test('a verdict speaks for a folder only by its rules and its code', async () => {
  const { folder, project, ci, refusals } = await newProject()
  const server = await up(join(folder, 'data'))
  const at = ['--url', server.url, '--only', 'model']
  expect(await ci('--url', server.url, '--train')).toMatchObject({ code: 0 })
  expect(await ci(...at)).toMatchObject({ code: 0 })
  const config = join(project, 'gyre.config.ts')
  const before = await readFile(config, 'utf8')
  await writeFile(config, `${before}\nexport const note = 'other code'\n`)
  expect((await ci(...at)).code).toBe(1)
  const ofCode = expect.stringMatching(/^the code that made model:churn@1 is not this folder's/)
  expect(await refusals()).toEqual([['model churn@1 by good-enough', [ofCode]]])
  await writeFile(config, before.replace('atLeast: 0.6', 'atLeast: 0.61'))
  expect((await ci(...at)).code).toBe(1)
  const ofRules = expect.stringMatching(/^it judged by other rules than good-enough has/)
  expect(await refusals()).toEqual([['model churn@1 by good-enough', [ofRules, ofCode]]])
  // The same files come of it, which are the same version.
  expect(await ci('--url', server.url, '--train')).toMatchObject({ code: 0 })
  expect(await ci(...at)).toMatchObject({ code: 0, stdout: expect.stringContaining('churn@1') })
})

test('a running server is read, and changed only when asked; a verdict beside a former champion is stale', async () => {
  const { folder, project, ci, refusals } = await newProject()
  const server = await up(join(folder, 'data'))
  const at = ['--url', server.url]
  const command = async (...args: readonly string[]) => {
    const ended = await gyre([...args, ...at])
    expect(ended).toMatchObject({ code: 0 })
  }
  expect((await ci(...at)).code).toBe(1)
  expect(await refusals()).toEqual([
    ['data customers', [expect.stringContaining('it has none')]],
    ['model churn', ['no version is registered']],
  ])
  expect((await fetch(`${server.url}/api/v1/project`)).status).toBe(404)

  expect(await ci('--train', ...at)).toMatchObject({ code: 0 })
  expect(await ci(...at)).toMatchObject({ code: 0 })
  await command('model', 'approve', 'churn@1')
  await command('release', 'churn', 'churn@1')
  expect(await ci(...at)).toMatchObject({ code: 0 })

  expect(await ci('--train', '--param', 'window=300d', ...at)).toMatchObject({ code: 0 })
  expect(await ci('--model', 'churn@2', ...at)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('champion model:churn@1'),
  })
  await command('model', 'approve', 'churn@2')
  await command('release', 'churn', 'churn@2')
  expect((await ci('--model', 'churn@1', ...at)).code).toBe(1)
  expect(await refusals()).toEqual([
    [
      'model churn@1 by good-enough',
      [expect.stringMatching(/^the champion is model:churn@2 now, there was none when/)],
    ],
  ])
  await writeFile(join(project, 'data', 'customers.csv'), 'customer\n')
  expect((await ci(...at)).code).toBe(1)
  expect(await refusals()).toEqual([
    ['data customers', [expect.stringContaining('the newest, dataset:customers@1, is of another')]],
  ])
  await server.stop('SIGTERM')
  expect(await ci(...at)).toMatchObject({ code: 1, stdout: '' })
})
