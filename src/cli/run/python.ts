import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { environmentVariable, userEnvironment } from '../../core/config.ts'
import { digestOf, type Digest } from '../../core/digest.ts'
import { errnoOf, GyreError } from '../../core/errors.ts'
import { PACKAGE_ROOT } from '../../core/package.ts'
import { assertPinned } from '../../projects/pinned-requirements.ts'
import {
  callersPython,
  openPython,
  type PythonEnvironment,
} from '../../train/python-environment.ts'
import type { RunRequest } from './request.ts'

/** A Python to run with, and of which lock it was made; of none where it is the caller's own. */
export interface ChosenPython extends PythonEnvironment {
  readonly lockfileDigest: Digest | undefined
}

/** Gyre's Python package, which what runs may import without having installed it. */
const SDK = join(PACKAGE_ROOT, 'sdk', 'python')

/** The Python that the request names, by its pinned packages or as the caller's own. Throws INVALID_ARGUMENT, STEP_FAILED. */
export async function choosePython({
  folder,
  requirements,
  envManager,
}: RunRequest): Promise<ChosenPython> {
  if (requirements === undefined || envManager === 'local') return localPython()
  return pinnedPython('requirements', resolve(folder, requirements), requirements)
}

export async function localPython(): Promise<ChosenPython> {
  return { ...(await callersPython(userEnvironment(pythonVariables()))), lockfileDigest: undefined }
}

/** The environment of a file of pinned packages, kept beside the user's other caches. Throws INVALID_ARGUMENT naming `field`. */
export async function pinnedPython(
  field: string,
  path: string,
  shown: string,
  interpreter?: string,
): Promise<ChosenPython> {
  const bytes = await readFile(path).catch((thrown: unknown) => {
    if (errnoOf(thrown) !== 'ENOENT') throw thrown
    throw new GyreError('INVALID_ARGUMENT', `${field}: no such file: ${shown}`, { field }, thrown)
  })
  assertPinned(field, shown, bytes.toString('utf8'))
  const cache = environmentVariable('XDG_CACHE_HOME') || join(homedir(), '.cache')
  const deps = { folder: join(cache, 'gyre', 'python'), ...(interpreter ? { interpreter } : {}) }
  return { ...(await openPython(deps, path)), lockfileDigest: digestOf(bytes) }
}

/** What a Python program needs besides: our package, and output as it comes. */
export function pythonVariables(python?: ChosenPython): Record<string, string> {
  const inherited = environmentVariable('PYTHONPATH')
  const isPinned = python?.lockfileDigest !== undefined
  const bin = dirname(python?.command[0] ?? '')
  return {
    // What is pinned is all that there is: other folders of modules would be found first.
    PYTHONPATH: [SDK, ...(inherited && !isPinned ? [inherited] : [])].join(delimiter),
    PYTHONUNBUFFERED: '1',
    ...(isPinned
      ? {
          PATH: [bin, environmentVariable('PATH')].join(delimiter),
          VIRTUAL_ENV: dirname(bin),
          PYTHONNOUSERSITE: '1',
        }
      : {}),
  }
}
