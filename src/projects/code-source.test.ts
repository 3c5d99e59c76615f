import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { readCodeSource } from './code-source.ts'

const hasGit = spawnSync('git', ['--version']).status === 0
const LOCK = '{"lockfileVersion":3}'
const LOCK_DIGEST = `sha256:${createHash('sha256').update(LOCK).digest('hex')}`

let root: string
let project: string

const git = (...args: string[]): string =>
  execFileSync('git', ['-C', root, '-c', 'user.name=a', '-c', 'user.email=a@b', ...args], {
    encoding: 'utf8',
  }).trim()

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'gyre-source-'))
  project = join(root, 'churn')
  await mkdir(project)
  await writeFile(join(project, 'fit.ts'), 'export const depth = 3\n')
  onTestFinished(() => rm(root, { recursive: true }))
})

/** A repository with one commit; gives its hash. */
function commit(): string {
  git('init', '-q')
  git('add', '.')
  git('commit', '-q', '-m', 'first')
  return git('rev-parse', 'HEAD')
}

test('a folder outside of any repository tells its lockfile and no commit', async () => {
  expect(await readCodeSource(project)).toEqual({})
  await writeFile(join(project, 'package-lock.json'), LOCK)
  expect(await readCodeSource(project)).toEqual({ lockfileDigest: LOCK_DIGEST })
})

test('without git there is no commit to tell, and no error', async () => {
  if (hasGit) commit()
  vi.stubEnv('PATH', '')
  onTestFinished(() => void vi.unstubAllEnvs())
  expect(await readCodeSource(project)).toEqual({})
})

test.skipIf(!hasGit)('a repository without a commit tells nothing', async () => {
  git('init', '-q')
  expect(await readCodeSource(project)).toEqual({})
})

test.skipIf(!hasGit)(
  'a clean tree tells its commit and the lockfile of the repository',
  async () => {
    await writeFile(join(root, 'package-lock.json'), LOCK)
    const gitCommit = commit()
    expect(await readCodeSource(project)).toEqual({
      gitCommit,
      dirty: false,
      lockfileDigest: LOCK_DIGEST,
    })
  },
)

test.skipIf(!hasGit)('an edit shows as a digest: of its text, staged or not', async () => {
  const gitCommit = commit()
  await writeFile(join(project, 'fit.ts'), 'export const depth = 4\n')
  const edited = await readCodeSource(project)
  expect(edited).toEqual({
    gitCommit,
    dirty: true,
    diffDigest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
  })
  git('add', '.')
  expect(await readCodeSource(project)).toEqual(edited)
  await writeFile(join(project, 'fit.ts'), 'export const depth = 5\n')
  expect((await readCodeSource(project)).diffDigest).not.toBe(edited.diffDigest)
  await writeFile(join(project, 'fit.ts'), 'export const depth = 3\n')
  git('add', '.')
  expect(await readCodeSource(project)).toEqual({ gitCommit, dirty: false })
})

test.skipIf(!hasGit)('a file that git does not know yet counts, by name and content', async () => {
  commit()
  await writeFile(join(project, 'new one.ts'), '1')
  const first = await readCodeSource(project)
  expect(first.dirty).toBe(true)
  await writeFile(join(project, 'new one.ts'), '2')
  const second = await readCodeSource(project)
  await rm(join(project, 'new one.ts'))
  await writeFile(join(project, 'other.ts'), '2')
  const third = await readCodeSource(project)
  expect(new Set([first, second, third].map(({ diffDigest }) => diffDigest)).size).toBe(3)
})

test.skipIf(!hasGit)('what is ignored, or lies beside the project, does not', async () => {
  await writeFile(join(root, '.gitignore'), 'data\n')
  const gitCommit = commit()
  await writeFile(join(root, 'notes.md'), 'beside')
  await writeFile(join(project, 'data'), 'rows')
  expect(await readCodeSource(project)).toEqual({ gitCommit, dirty: false })
})

test.skipIf(!hasGit)('programs that a repository names are not started', async () => {
  await writeFile(join(root, '.gitattributes'), '* diff=spy\n')
  commit()
  const marker = join(root, 'started')
  for (const key of ['diff.spy.textconv', 'diff.spy.command', 'core.fsmonitor'])
    git('config', key, `touch ${marker}; cat`)
  await writeFile(join(project, 'fit.ts'), 'export const depth = 4\n')
  expect((await readCodeSource(project)).dirty).toBe(true)
  expect(spawnSync('test', ['-e', marker]).status).toBe(1)
})
