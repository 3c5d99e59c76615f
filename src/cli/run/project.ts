import { access, chmod, constants, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { basename, delimiter, extname, join, relative, resolve } from 'node:path'
import { environmentVariable } from '../../core/config.ts'
import { digestOf, digestOfJson } from '../../core/digest.ts'
import { GyreError } from '../../core/errors.ts'
import { modulesIn } from '../../projects/python-files.ts'
import { refused, type Job } from './job.ts'
import { fillCommand, readMlProject, type EntryPoint, type MlProject } from './mlproject.ts'
import { pythonOfEnv } from './python-env.ts'
import { choosePython, localPython, pythonVariables, type ChosenPython } from './python.ts'
import type { RunRequest } from './request.ts'
import { scriptJob } from './script.ts'
import { shellQuote } from './shell-quote.ts'

/** A folder with an MLproject file, run as MLflow runs it: the command of an entry point, by bash, in the folder. */
export async function projectJob(request: RunRequest, root: string, temp: string): Promise<Job> {
  const { target, entry = 'main', params: given, args, folder } = request
  if (args.length > 0)
    throw refused('args', 'an entry point takes parameters (-P), no further words')
  const file = (await readdir(root)).find((name) => name.toLowerCase() === 'mlproject')
  const shown = join(target, file ?? 'MLproject')
  if (file === undefined) return bareJob(request, root)
  const project = readMlProject(shown, await readFile(join(root, file), 'utf8'))
  const point = await entryPoint(project, { root, entry, shown })
  const python = await projectPython(request, project, { root, shown, temp })
  const { command, params } = fillCommand(entry, point, given, { caller: folder, project: root })
  const variables = pythonVariables(python)
  return {
    kind: 'project',
    name:
      entry === 'main'
        ? (project.name ?? basename(root))
        : `${project.name ?? basename(root)} ${entry}`,
    program: ['bash', '-c', command],
    folder: root,
    codeFolder: root,
    variables: {
      PATH: environmentVariable('PATH') ?? '',
      ...variables,
      ...(await withPython(variables, temp)),
    },
    params,
    digest: await digestOfProject(root, file),
    lockfileDigest: python.lockfileDigest,
    facts: python.facts,
    keeps: new Map(),
  }
}

/** Without the file, a script of the folder may be the entry point. */
async function bareJob(request: RunRequest, root: string): Promise<Job> {
  const { target, entry } = request
  if (entry === undefined)
    throw refused(
      'target',
      `no MLproject file in ${target}; name a script of the folder with -e, or run it by its path`,
    )
  const path = resolve(root, entry)
  await assertFile('entry', entry, path)
  return { ...(await scriptJob(request, path)), name: entry, folder: root, codeFolder: root }
}

interface Place {
  readonly root: string
  readonly shown: string
}

/** That of the file, or a script of the folder by its path. Throws INVALID_ARGUMENT. */
async function entryPoint(
  { entry_points }: MlProject,
  { root, shown, entry }: Place & { readonly entry: string },
): Promise<EntryPoint> {
  const known = entry_points[entry]
  if (known) return known
  const program = { '.py': 'python', '.sh': 'bash' }[extname(entry)]
  if (program === undefined)
    throw refused(
      'entry',
      `${shown} has no entry point ${entry}; it has ${Object.keys(entry_points).join(', ') || 'none'}`,
    )
  await assertFile('entry', entry, resolve(root, entry))
  return { parameters: {}, command: `${program} ${shellQuote(entry)}` }
}

async function assertFile(field: string, shown: string, path: string): Promise<void> {
  await access(path).catch((thrown: unknown) => {
    throw new GyreError(
      'INVALID_ARGUMENT',
      `${field}: no such file: ${shown} (looked for ${path})`,
      { field },
      thrown,
    )
  })
}

/** What the request names beats what the project names; neither is the caller's own. */
async function projectPython(
  request: RunRequest,
  project: MlProject,
  { root, shown, temp }: Place & { readonly temp: string },
): Promise<ChosenPython> {
  if (request.envManager === 'local') return localPython()
  if (request.requirements !== undefined) return choosePython(request)
  for (const field of ['conda_env', 'docker_env'] as const)
    if (project[field] !== undefined)
      throw new GyreError(
        'INVALID_ARGUMENT',
        `${shown}: ${field} is not supported; describe the packages in a python_env, name pinned ones with --requirements, or take your own Python with --env-manager local`,
        { field },
      )
  const file = project.python_env ?? (await found(root, 'python_env.yaml'))
  return file === undefined ? localPython() : pythonOfEnv(resolve(root, file), file, temp)
}

async function found(root: string, name: string): Promise<string | undefined> {
  return (await readdir(root)).includes(name) ? name : undefined
}

/** Commands of projects say `python`, which is `python3` alone on many machines. */
async function withPython(
  variables: Readonly<Record<string, string>>,
  temp: string,
): Promise<Readonly<Record<string, string>>> {
  const path = variables['PATH'] ?? environmentVariable('PATH') ?? ''
  for (const folder of path.split(delimiter)) {
    const isThere = await access(join(folder, 'python'), constants.X_OK).then(
      () => true,
      () => false,
    )
    if (isThere) return {}
  }
  const bin = join(temp, 'bin')
  await mkdir(bin)
  await writeFile(join(bin, 'python'), '#!/bin/sh\nexec python3 "$@"\n')
  await chmod(join(bin, 'python'), 0o755)
  return { PATH: `${path}${delimiter}${bin}` }
}

/** Of the file, of what describes its environment, and of every Python module of the folder. */
async function digestOfProject(root: string, file: string) {
  const modules = await modulesIn(root)
  const envs = (await readdir(root)).filter((name) => /\.ya?ml$|requirements.*\.txt$/.test(name))
  const paths = [file, ...envs, ...modules.map((path) => relative(root, path))].toSorted()
  const digests = paths.map(
    async (path) => [path, digestOf(await readFile(join(root, path)))] as const,
  )
  return digestOfJson(Object.fromEntries(await Promise.all(digests)))
}
