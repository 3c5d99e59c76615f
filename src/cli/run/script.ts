import { readFile } from 'node:fs/promises'
import { dirname, extname } from 'node:path'
import { digestOf } from '../../core/digest.ts'
import { refused, type Job } from './job.ts'
import { choosePython, pythonVariables } from './python.ts'
import type { RunRequest } from './request.ts'

/** Scripts by their endings: what executes them. */
const PROGRAMS: ReadonlyMap<string, 'python' | 'node' | 'bash'> = new Map([
  ['.py', 'python'],
  ['.js', 'node'],
  ['.mjs', 'node'],
  ['.cjs', 'node'],
  ['.sh', 'bash'],
])

/** A script runs where the caller is, as it does by hand; parameters are its options. */
export async function scriptJob(request: RunRequest, path: string): Promise<Job> {
  const { target, folder, params, args } = request
  const language = PROGRAMS.get(extname(path))
  if (language === undefined)
    throw refused(
      'target',
      `expected a script (${[...PROGRAMS.keys()].join(', ')}), a notebook (.ipynb) or a folder, got ${target}`,
    )
  const python = language === 'python' ? await choosePython(request) : undefined
  const words = [...params].flatMap(([name, value]) => [`--${name}`, value])
  const [program, ...flags] = python?.command ?? [language === 'node' ? process.execPath : 'bash']
  const bytes = await readFile(path)
  return {
    kind: 'script',
    name: target,
    program: [program, ...flags, path, ...words, ...args],
    folder,
    codeFolder: path.startsWith(`${folder}/`) ? folder : dirname(path),
    variables: pythonVariables(python),
    params: Object.fromEntries(params),
    digest: digestOf(bytes),
    lockfileDigest: python?.lockfileDigest,
    facts: python?.facts ?? (language === 'node' ? { node: process.version } : {}),
    keeps: new Map(),
  }
}
