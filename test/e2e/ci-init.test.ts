import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { build, gyre, up } from './program.ts'
import { newRepository } from './repository.ts'

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

const Outcomes = z.object({
  jobs: z.array(z.object({ job: z.string(), result: z.string() })),
})

beforeAll(build)

test('a hook blocks the push of a bad change and lets a good one through', async () => {
  const { root, project, git, commit, change, pushed, head } = await newRepository()
  const wrote = await gyre(['ci', 'init', 'hook', project])
  expect(wrote).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(
      /at each push\n.*which has no champion: comparisons with one pass/,
    ),
  })
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
  // A file that git does not know would be missing where the commit arrives.
  await writeFile(join(project, 'steps', 'forgotten.ts'), 'export const rounds = 60\n')
  expect((await git('push', 'origin', 'main:new')).text).toContain(
    'steps/forgotten.ts is not in git: add it, or name it in .gitignore',
  )
  await rm(join(project, 'steps', 'forgotten.ts'))
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
  const path = join(root, '.github', 'workflows', 'gyre.yml')
  const undeclared = await gyre(['ci', 'init', 'github', project, '--staging', 'trial'])
  expect(undeclared.stdout).toContain("still to do: declare endpoint('trial', …)")
  await rm(path)
  const wrote = await gyre(['ci', 'init', 'github', project])
  expect(wrote).toMatchObject({ code: 0 })
  expect(wrote.stdout).not.toContain('declare endpoint')
  const text = await readFile(path, 'utf8')
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
  const { folder, root, project, change, commit } = await newRepository('.')
  await change(
    "register('repo', { model, verdict })",
    "register('repo', { model, verdict }, { approvedBy: 'gate' })",
  )
  const program = fileURLToPath(new URL('../../bin/gyre.js', import.meta.url))
  const wrote = await gyre(['ci', 'init', 'github', project, '--gyre', `node ${program}`])
  expect(wrote.stdout.match(/still to do: .{12}/g)).toEqual([
    'still to do: commit packa',
    'still to do: the variable',
  ])
  await writeFile(join(project, 'package.json'), '{ "name": "repo", "private": true }')
  await commit()
  const server = await up(join(folder, 'data'))
  const ran = await gyre(['ci', 'run', root, '--json', '--var', `GYRE_URL=${server.url}`])
  expect({ code: ran.code, told: ran.stderr }).toMatchObject({ code: 0 })
  const { jobs } = Outcomes.parse(JSON.parse(ran.stdout))
  expect(jobs.map(({ job, result }) => [job, result])).toEqual(
    ['data-validation', 'train', 'evaluate', 'staging', 'smoke', 'production'].map((job) => [
      job,
      'succeeded',
    ]),
  )
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
