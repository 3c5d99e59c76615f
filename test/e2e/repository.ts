import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { onTestFinished } from 'vitest'
import { gyre } from './program.ts'

export type TempRepository = Awaited<ReturnType<typeof newRepository>>

/** A repository with a new project in `at`, and a bare one that it pushes to. */
export async function newRepository(at = 'churn') {
  const folder = await mkdtemp(join(tmpdir(), 'gyre-ci-init-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const root = join(folder, 'repo')
  const project = join(root, at)
  const env = {
    PATH: process.env['PATH'],
    HOME: folder,
    TMPDIR: folder,
    GIT_CONFIG_NOSYSTEM: '1',
    // Where nobody listens: what git starts is to ask a server of its own.
    GYRE_URL: 'http://127.0.0.1:9',
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
