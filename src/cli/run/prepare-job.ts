import { stat } from 'node:fs/promises'
import { extname, resolve } from 'node:path'
import { errnoOf } from '../../core/errors.ts'
import { refused, type Job } from './job.ts'
import { notebookJob } from './notebook.ts'
import { projectJob } from './project.ts'
import type { RunRequest } from './request.ts'
import { scriptJob } from './script.ts'

/**
 * Looks at what the request names, and makes ready what it takes: environment, command. `temp` is a folder for files of
 * the run. Throws INVALID_ARGUMENT naming the field, and STEP_FAILED where Python or its packages cannot be had.
 */
export async function prepareJob(request: RunRequest, temp: string): Promise<Job> {
  const { target, folder, entry } = request
  const path = resolve(folder, target)
  const found = await stat(path).catch((thrown: unknown) => {
    const errno = errnoOf(thrown)
    if (errno !== 'ENOENT' && errno !== 'ENOTDIR') throw thrown
    throw refused('target', `no such file or folder: ${target} (looked for ${path})`)
  })
  if (found.isDirectory()) return projectJob(request, path, temp)
  if (entry !== undefined)
    throw refused(
      'entry',
      `only a folder with an MLproject file has entry points; ${target} is a file`,
    )
  if (extname(path) === '.ipynb') return notebookJob(request, path, temp)
  return scriptJob(request, path)
}
