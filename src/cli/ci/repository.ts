import { execFile } from 'node:child_process'
import { realpath } from 'node:fs/promises'
import { relative, resolve } from 'node:path'
import { promisify } from 'node:util'
import { GyreError } from '../../core/errors.ts'

/** Where a project lies in its git repository. */
export interface Repository {
  readonly root: string
  /** The project's folder from the root, with slashes; empty where it is the root. */
  readonly inside: string
  /** The folder that git takes hooks from. */
  readonly hooks: string
}

/** Throws INVALID_ARGUMENT for a folder that no git repository holds, or where git is not installed. */
export async function repositoryOf(folder: string): Promise<Repository> {
  const git = async (...args: readonly string[]): Promise<string> => {
    try {
      const { stdout } = await promisify(execFile)('git', [...args], { cwd: folder })
      return stdout.trim()
    } catch (thrown) {
      const message = `${folder}: expected a folder of a git repository; git init makes one`
      throw new GyreError('INVALID_ARGUMENT', message, { folder }, thrown)
    }
  }
  const root = await realpath(await git('rev-parse', '--show-toplevel'))
  const hooks = resolve(folder, await git('rev-parse', '--git-path', 'hooks'))
  const inside = relative(root, await realpath(folder))
    .split('\\')
    .join('/')
  return { root, inside, hooks }
}
