import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { build, gyre, up } from './program.ts'

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 })

/**
 * The parts of a workflow that we write, as GitHub's documentation has them ("Workflow syntax for GitHub Actions"):
 * unknown members are refused, a step uses an action of a stated version or runs something, never both.
 */
const Step = z.union([
  z.strictObject({
    uses: z.string().regex(/^[\w-]+\/[\w-]+@v\d+$/),
    with: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
    if: z.string().optional(),
  }),
  z.strictObject({
    name: z.string().optional(),
    run: z.string().min(1),
    if: z.string().optional(),
  }),
])
const Job = z.strictObject({
  needs: z.array(z.string()).optional(),
  if: z.string().optional(),
  'runs-on': z.union([z.string(), z.array(z.string()).min(1)]),
  environment: z.string().optional(),
  env: z.record(z.string(), z.string()).optional(),
  steps: z.array(Step).min(1),
})
const Workflow = z.strictObject({
  name: z.string(),
  on: z.strictObject({ push: z.strictObject({ paths: z.array(z.string()).min(1) }) }),
  permissions: z.strictObject({ contents: z.literal('read') }),
  concurrency: z.strictObject({ group: z.string() }),
  defaults: z.strictObject({ run: z.strictObject({ 'working-directory': z.string() }) }).optional(),
  jobs: z.record(z.string().regex(/^[a-zA-Z_][\w-]*$/), Job),
})

beforeAll(build)

/** A repository with a new project in `at`, and a bare one that it pushes to. */
async function newRepository(at = 'churn') {
  const folder = await mkdtemp(join(tmpdir(), 'gyre-ci-init-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const root = join(folder, 'repo')
  const project = join(root, at)
  const env = {
    PATH: process.env['PATH'],
    HOME: folder,
    TMPDIR: folder,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'Ada',
    GIT_AUTHOR_EMAIL: 'ada@example.org',
    GIT_COMMITTER_NAME: 'Ada',
    GIT_COMMITTER_EMAIL: 'ada@example.org',
  }
  const git = async (...args: readonly string[]) => {
    const ended = promisify(execFile)('git', [...args], { cwd: root, env })
    return ended.then(
      ({ stdout }) => ({ code: 0, text: stdout.trim() }),
      (failed: { code: number; stdout: string; stderr: string }) => ({
        code: failed.code,
        text: failed.stdout + failed.stderr,
      }),
    )
  }
  await mkdir(root)
  await gyre(['init', project, '--yes'])
  await git('init', '--initial-branch', 'main')
  await git('init', '--bare', '--initial-branch', 'main', join(folder, 'remote.git'))
  await git('remote', 'add', 'origin', join(folder, 'remote.git'))
  const commit = async () => {
    await git('add', '--all')
    return git('commit', '--message', 'a change')
  }
  const config = join(project, 'gyre.config.ts')
  const change = async (from: string, to: string) =>
    writeFile(config, (await readFile(config, 'utf8')).replace(from, to))
  const pushed = async () => (await git('ls-remote', 'origin', 'main')).text.slice(0, 40)
  const head = async () => (await git('rev-parse', 'HEAD')).text
  return { folder, root, project, git, commit, change, pushed, head }
}

test('a hook blocks the push of a bad change and lets a good one through', async () => {
  const { root, project, git, commit, change, pushed, head } = await newRepository()
  const wrote = await gyre(['ci', 'init', 'hook', project])
  expect(wrote).toMatchObject({ code: 0, stdout: expect.stringContaining('at each push') })
  expect((await stat(join(root, '.git', 'hooks', 'pre-push'))).mode & 0o111).toBe(0o111)

  await commit()
  expect(await git('push', 'origin', 'main')).toMatchObject({ code: 0 })
  const good = await head()
  expect(await pushed()).toBe(good)

  await change('atLeast: 0.6', 'atLeast: 0.99')
  await commit()
  const bad = await git('push', 'origin', 'main')
  expect(bad.code).not.toBe(0)
  expect(bad.text).toMatch(/auc: 0\.85\d+ is not ≥ 0\.99/)
  expect(await pushed()).toBe(good)

  // Mended in the folder alone: what would be pushed is still the bad one.
  await change('atLeast: 0.99', 'atLeast: 0.6')
  expect((await git('push', 'origin', 'main')).text).toContain('this folder is not what is pushed')
  expect(await pushed()).toBe(good)

  await commit()
  expect(await git('push', 'origin', 'main')).toMatchObject({ code: 0 })
  expect(await pushed()).toBe(await head())
  await git('push', '--no-verify', 'origin', 'main:old')
  expect(await git('push', 'origin', ':old')).toMatchObject({ code: 0 })
})

test('a hook before the commit runs the tests that it was given, in a folder with a blank in its name', async () => {
  const { project, git, commit, change, head } = await newRepository('my models/churn')
  await commit()
  const first = await head()
  const options = ['--', '--only', 'code', '--test', "test -f 'it''s good'"]
  await gyre(['ci', 'init', 'hook', project, '--on', 'pre-commit', ...options])
  await change('atLeast: 0.6', 'atLeast: 0.61')
  const blocked = await commit()
  expect(blocked).toMatchObject({ code: 1, text: expect.stringContaining('ended with 1') })
  expect(await head()).toBe(first)
  await writeFile(join(project, 'its good'), '')
  expect(await commit()).toMatchObject({ code: 0 })
  await change('atLeast: 0.61', 'atLeast: 0.62')
  await git('add', '--all')
  await change('atLeast: 0.62', 'atLeast: 0.63')
  expect(await git('commit', '--message', 'half')).toMatchObject({
    code: 1,
    text: expect.stringContaining('this folder is not what is committed'),
  })
})

test('somebody else’s hook stays, one of ours is written anew; a folder without git is a wrong command', async () => {
  const { folder, root, project } = await newRepository()
  const hook = join(root, '.git', 'hooks', 'pre-push')
  await writeFile(hook, '#!/bin/sh\nexit 0\n')
  expect(await gyre(['ci', 'init', 'hook', project])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('is there already; --force writes over it'),
  })
  expect(await gyre(['ci', 'init', 'hook', project, '--force'])).toMatchObject({ code: 0 })
  expect(await gyre(['ci', 'init', 'hook', project, '--', '--only', 'data'])).toMatchObject({
    code: 0,
  })
  expect(await readFile(hook, 'utf8')).toMatch(/ci \. --only data <\/dev\/null\n$/)
  expect(await gyre(['ci', 'init', 'hook', folder])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('expected a folder of a git repository'),
  })
  expect(await gyre(['ci', 'init', 'hook', project, '--on', 'pre-merge'])).toMatchObject({
    code: 2,
  })
})

test('the workflow is one of GitHub’s, in the order asked for, and deploys on main alone', async () => {
  const { root, project } = await newRepository()
  const wrote = await gyre(['ci', 'init', 'github', project])
  expect(wrote).toMatchObject({ code: 0 })
  expect(wrote.stdout).toContain("still to do: declare endpoint('churn-staging', …)")
  const text = await readFile(join(root, '.github', 'workflows', 'gyre.yml'), 'utf8')
  const { on, jobs, defaults } = Workflow.parse(parse(text))
  expect(on.push.paths).toEqual(
    expect.arrayContaining(['churn/src/**', 'churn/data/**', 'churn/configs/**']),
  )
  expect(defaults?.run['working-directory']).toBe('churn')
  expect(Object.entries(jobs).map(([id, { needs }]) => [id, needs ?? []])).toEqual([
    ['data-validation', []],
    ['train', ['data-validation']],
    ['evaluate', ['train']],
    ['staging', ['evaluate']],
    ['smoke', ['staging']],
    ['production', ['smoke']],
  ])
  expect(jobs['train']?.['runs-on']).toEqual(['self-hosted', 'gpu'])
  const onMain = Object.entries(jobs).filter(([, { if: when }]) => when !== undefined)
  expect(onMain.map(([id, job]) => [id, job.if])).toEqual(
    ['staging', 'smoke', 'production'].map((id) => [id, "github.ref == 'refs/heads/main'"]),
  )
  const artifacts = (id: string, action: string) =>
    (jobs[id]?.steps ?? []).flatMap((step) =>
      'uses' in step && step.uses.startsWith(action) ? [step.with?.['name']] : [],
    )
  expect(artifacts('train', 'actions/upload-artifact')).toEqual(['train-report'])
  for (const id of ['evaluate', 'staging', 'production'])
    expect(artifacts(id, 'actions/download-artifact')).toEqual(['train-report'])
  expect(await gyre(['ci', 'init', 'github', project])).toMatchObject({ code: 1 })
})

test('what the workflow’s jobs run does, in their order, bring a version from its rows to production', async () => {
  const { folder, root, project, change } = await newRepository('.')
  await change(
    "register('repo', { model, verdict })",
    "register('repo', { model, verdict }, { approvedBy: 'gate' })",
  )
  const config = await readFile(join(project, 'gyre.config.ts'), 'utf8')
  const [serving = ''] = /export const serving = endpoint\([^]*?\n\}\)\n/.exec(config) ?? []
  const trial = serving.replace('const serving', 'const trial').replace("'repo'", "'repo-staging'")
  await writeFile(join(project, 'gyre.config.ts'), `${config}\n${trial}`)
  await mkdir(join(project, 'smoke'))
  await writeFile(
    join(project, 'smoke', 'request.json'),
    JSON.stringify({ subject: 'c1', input: { plan: 'free', visits: 3, tickets: 1 } }),
  )
  const program = fileURLToPath(new URL('../../bin/gyre.js', import.meta.url))
  const wrote = await gyre(['ci', 'init', 'github', project, '--gyre', `node ${program}`])
  expect(wrote.stdout.match(/still to do/g)).toHaveLength(1)
  const text = await readFile(join(root, '.github', 'workflows', 'gyre.yml'), 'utf8')
  const { jobs } = Workflow.parse(parse(text))
  const server = await up(join(folder, 'data'))
  const summary = join(folder, 'summary.md')
  for (const [id, { steps, env = {} }] of Object.entries(jobs)) {
    const url = env['GYRE_URL'] === undefined ? {} : { GYRE_URL: server.url }
    const shell = {
      PATH: process.env['PATH'],
      HOME: folder,
      TMPDIR: folder,
      // A secret that is not set is an empty text.
      GYRE_KEY: '',
      GITHUB_STEP_SUMMARY: summary,
      ...url,
    }
    for (const step of steps) {
      if (!('run' in step) || step.run === 'npm ci') continue
      const ran = promisify(execFile)('bash', ['-eo', 'pipefail', '-c', step.run], {
        cwd: project,
        env: shell,
      })
      await expect(ran, `${id}: ${step.run}`).resolves.toBeDefined()
    }
  }
  expect(await readFile(summary, 'utf8')).toContain('repo@1 by good-enough')
  const Endpoints = z.object({
    endpoints: z.array(z.object({ route: z.object({ endpoint: z.string(), stable: z.string() }) })),
  })
  const { endpoints } = Endpoints.parse(
    await (await fetch(`${server.url}/api/v1/endpoints`)).json(),
  )
  const stable = endpoints.map(({ route }) => [route.endpoint, route.stable] as const)
  expect(Object.fromEntries(stable)).toEqual({
    repo: 'model:repo@1',
    'repo-staging': 'model:repo@1',
  })
})
