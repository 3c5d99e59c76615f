import { readFile, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { z } from 'zod'
import { errnoOf, GyreError } from '../../core/errors.ts'
import { pythonVersion } from '../../train/python-environment.ts'
import { readYaml } from './mlproject.ts'
import { pinnedPython, type ChosenPython } from './python.ts'

/** What MLflow calls `python_env.yaml`. */
const PythonEnv = z.strictObject({
  python: z.exactOptional(
    z.string({
      error: 'expected a version as text, such as "3.10": YAML takes 3.10 for the number 3.1',
    }),
  ),
  /** Of packages that are built: each names its own, and they get into no run. */
  build_dependencies: z.exactOptional(z.array(z.string()).nullable()),
  dependencies: z
    .array(z.string())
    .nullish()
    .transform((given) => given ?? []),
})

/** The environment that such a file describes, every package pinned. Throws INVALID_ARGUMENT naming file and member. */
export async function pythonOfEnv(
  path: string,
  shown: string,
  temp: string,
): Promise<ChosenPython> {
  const { python, dependencies } = readYaml(PythonEnv, shown, await readText(shown, path))
  const interpreter = await interpreterOf(shown, python)
  const lines = await Promise.all(dependencies.map((line) => expanded(dirname(path), shown, line)))
  const requirements = join(temp, 'requirements.txt')
  await writeFile(requirements, `${lines.join('\n')}\n`)
  return pinnedPython('dependencies', requirements, shown, interpreter)
}

/** `-r FILE` as what the file says: the environment is known by all that is in it. */
async function expanded(folder: string, shown: string, line: string): Promise<string> {
  const [, file] = /^\s*(?:-r|--requirement)\s+(\S+)\s*$/.exec(line) ?? []
  return file === undefined ? line : readText(`${shown}: ${file}`, resolve(folder, file))
}

/** The Python on the PATH of that version, or of its beginning: `3.10` is every 3.10.x. */
async function interpreterOf(shown: string, wanted: string | undefined): Promise<string> {
  if (wanted === undefined || (await isVersion('python3', wanted))) return 'python3'
  const named = `python${wanted.split('.').slice(0, 2).join('.')}`
  if (await isVersion(named, wanted)) return named
  throw new GyreError(
    'INVALID_ARGUMENT',
    `${shown}: python: expected Python ${wanted} on the PATH, as python3 or ${named}; install it, or take your own with --env-manager local`,
    { field: 'python', wanted },
  )
}

async function isVersion(interpreter: string, wanted: string): Promise<boolean> {
  const version = await pythonVersion(interpreter).catch((thrown: unknown) => {
    if (thrown instanceof GyreError && thrown.code === 'STEP_FAILED') return undefined
    throw thrown
  })
  return version !== undefined && `${version}.`.startsWith(`${wanted}.`)
}

async function readText(shown: string, path: string): Promise<string> {
  return readFile(path, 'utf8').catch((thrown: unknown) => {
    if (errnoOf(thrown) !== 'ENOENT') throw thrown
    throw new GyreError(
      'INVALID_ARGUMENT',
      `${shown}: no such file (looked for ${path})`,
      { field: shown },
      thrown,
    )
  })
}
