import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { errnoOf, GyreError } from '../../core/errors.ts'

/** Throws INVALID_ARGUMENT naming the option for a file that could not be written: before the gates, not after. */
export async function assertWritable(option: string, path: string): Promise<void> {
  const problem = await problemOf(path)
  if (problem !== undefined)
    throw new GyreError('INVALID_ARGUMENT', `--${option}: cannot write ${path}: ${problem}`, {
      field: option,
    })
}

async function problemOf(path: string): Promise<string | undefined> {
  try {
    if ((await stat(path)).isDirectory()) return 'it is a folder'
    await access(path, constants.W_OK)
    return undefined
  } catch (thrown) {
    if (errnoOf(thrown) !== 'ENOENT') return errnoOf(thrown) ?? String(thrown)
  }
  const folder = dirname(resolve(path))
  try {
    if (!(await stat(folder)).isDirectory()) return `${folder} is no folder`
    await access(folder, constants.W_OK)
    return undefined
  } catch (thrown) {
    return errnoOf(thrown) === 'ENOENT'
      ? `there is no folder ${folder}`
      : (errnoOf(thrown) ?? String(thrown))
  }
}
