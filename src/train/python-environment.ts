import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { childEnvironment } from '../core/config.ts'
import { digestOf } from '../core/digest.ts'
import { errnoOf, GyreError } from '../core/errors.ts'
import { knownInterpreter, type Interpreter } from './python-interpreter.ts'

/** A Python to start scripts with, and what it is, as a run keeps it. */
export interface PythonEnvironment {
  /** The program and its flags. */
  readonly command: readonly [string, ...string[]]
  readonly facts: Readonly<Record<string, string>>
}

export interface PythonEnvironmentDeps {
  /** Where virtual environments are kept. */
  readonly folder: string
  /** The interpreter they are made with; `python3` unless told. */
  readonly interpreter?: string
  /** A file for what is known of the interpreter, which is then asked once; asked each time unless told. */
  readonly known?: string
}

/** Written last into an environment: what is in it. */
const FACTS = 'gyre.json'
const Facts = z.record(z.string(), z.string())

/** Enough to see why an installation failed. */
const MAX_OUTPUT_CHARS = 4_000

const PACKAGES = `import importlib.metadata, json
print(json.dumps({d.metadata['Name']: d.version for d in importlib.metadata.distributions()}))`

/**
 * The interpreter as whoever calls has it, with the packages that it finds: nothing about it is pinned. Throws
 * STEP_FAILED where there is none.
 */
export async function callersPython(
  environment: Readonly<Record<string, string>>,
  interpreter = 'python3',
): Promise<PythonEnvironment> {
  const version = await pythonVersion(interpreter)
  const { code, output } = await run(interpreter, ['-c', PACKAGES], environment)
  if (code !== 0)
    throw new GyreError('STEP_FAILED', `${interpreter} cannot tell its packages: ${output.trim()}`)
  return { command: [interpreter], facts: { python: version, ...Facts.parse(JSON.parse(output)) } }
}

/**
 * The interpreter for a file of pinned packages: a virtual environment, made on first demand, kept under the file's
 * digest and the version of Python, never changed. Without a file the standard library alone. Throws STEP_FAILED
 * saying what to do: no interpreter, packages that cannot be installed.
 */
export async function openPython(
  { folder, interpreter: command = 'python3', known }: PythonEnvironmentDeps,
  requirements: string | undefined,
): Promise<PythonEnvironment> {
  const { executable: interpreter, version } = await interpreterOf(command, known)
  if (requirements === undefined) return bare(interpreter, version)
  const name = nameOf(digestOf(await readFile(requirements)), version)
  const target = join(folder, name)
  const packages =
    (await factsIn(target)) ?? (await make(folder, name, { interpreter, requirements }))
  return { command: commandIn(target), facts: { python: version, ...packages } }
}

/** The interpreter for a lock of that digest, where a step has used one before; makes nothing. */
export async function readyPython(
  { folder, interpreter: command = 'python3', known }: PythonEnvironmentDeps,
  lock: string | undefined,
): Promise<PythonEnvironment | undefined> {
  const { executable: interpreter, version } = await interpreterOf(command, known)
  if (lock === undefined) return bare(interpreter, version)
  const target = join(folder, nameOf(lock, version))
  const packages = await factsIn(target)
  return packages && { command: commandIn(target), facts: { python: version, ...packages } }
}

async function interpreterOf(command: string, known: string | undefined): Promise<Interpreter> {
  if (known !== undefined) return knownInterpreter(known, command, probe)
  return { ...(await probe(command)), executable: command }
}

/** Neither the machine's packages nor the user's own are pinned by anything. */
function bare(interpreter: string, version: string): PythonEnvironment {
  return { command: [interpreter, '-s', '-S'], facts: { python: version } }
}

function nameOf(lock: string, version: string): string {
  return `${lock.slice('sha256:'.length)}-${version}`
}

function commandIn(environment: string): PythonEnvironment['command'] {
  return [pythonIn(environment), '-s']
}

function pythonIn(environment: string): string {
  return join(environment, 'bin', 'python')
}

/** `3.11.2`. Throws STEP_FAILED where there is no such interpreter. */
export async function pythonVersion(interpreter: string): Promise<string> {
  return (await probe(interpreter)).version
}

async function probe(interpreter: string): Promise<Interpreter> {
  const script = `import sys; print('.'.join(map(str, sys.version_info[:3]))); print(sys.executable)`
  const { code, output } = await run(interpreter, ['-s', '-S', '-c', script])
  const [version = '', executable = ''] = output.trim().split('\n')
  if (code === 0) return { version, executable }
  throw new GyreError('STEP_FAILED', `${interpreter} cannot be started: ${output.trim()}`)
}

async function factsIn(environment: string): Promise<Facts | undefined> {
  try {
    return Facts.parse(JSON.parse(await readFile(join(environment, FACTS), 'utf8')))
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return undefined
    throw thrown
  }
}
type Facts = z.infer<typeof Facts>

interface Wanted {
  readonly interpreter: string
  readonly requirements: string
}

/** Makes it beside and renames it, so that one that is there is whole; of two makers the first one's stays. */
async function make(folder: string, name: string, wanted: Wanted): Promise<Facts> {
  await mkdir(folder, { recursive: true })
  await sweep(folder)
  const part = await mkdtemp(join(folder, `.${process.pid}-`))
  try {
    const facts = await fill(part, wanted)
    await writeFile(join(part, FACTS), JSON.stringify(facts))
    await nameScripts(join(part, 'bin'), part, join(folder, name))
    await rename(part, join(folder, name)).catch((thrown: unknown) => {
      if (errnoOf(thrown) !== 'ENOTEMPTY' && errnoOf(thrown) !== 'EEXIST') throw thrown
    })
    return facts
  } finally {
    await rm(part, { recursive: true, force: true })
  }
}

async function fill(part: string, { interpreter, requirements }: Wanted): Promise<Facts> {
  const made = await run(interpreter, ['-s', '-m', 'venv', part])
  if (made.code !== 0)
    throw new GyreError(
      'STEP_FAILED',
      `${interpreter} makes no virtual environment; install its venv module (python3-venv on Debian)\n${made.output}`,
    )
  const quiet = ['--disable-pip-version-check', '--no-input', '--no-color', '--quiet']
  const pip = ['-m', 'pip', 'install', ...quiet, '-r', requirements]
  const installed = await run(pythonIn(part), pip)
  if (installed.code !== 0)
    throw new GyreError(
      'STEP_FAILED',
      `pip could not install the requirements; is each version there for this Python, and can this machine reach the package index that pip is configured for?\n${installed.output}`,
    )
  return Facts.parse(JSON.parse((await run(pythonIn(part), ['-s', '-c', PACKAGES])).output))
}

/** Programs of packages name their interpreter in their first lines, by the folder where it was when they were made. */
async function nameScripts(bin: string, before: string, now: string): Promise<void> {
  for (const entry of await readdir(bin, { withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(bin, entry.name)
    const bytes = await readFile(path)
    if (bytes.includes(before) && bytes.subarray(0, 2).toString('latin1') === '#!')
      await writeFile(path, bytes.toString('utf8').replaceAll(before, now))
  }
}

/** Removes what makers that died have left. */
async function sweep(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const pid = Number(/^\.(\d+)-/.exec(name)?.[1] ?? Number.NaN)
    if (pid && !isAlive(pid)) await rm(join(folder, name), { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (thrown) {
    return errnoOf(thrown) === 'EPERM'
  }
}

/** Throws STEP_FAILED where there is no such program. */
async function run(
  program: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = childEnvironment({ PYTHONNOUSERSITE: '1' }),
): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawn(program, args, {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  const take = (text: string): void => {
    output = (output + text).slice(-MAX_OUTPUT_CHARS)
  }
  child.stdout.setEncoding('utf8').on('data', take)
  child.stderr.setEncoding('utf8').on('data', take)
  try {
    const [code] = await once(child, 'close')
    return { code: typeof code === 'number' ? code : null, output }
  } catch (thrown) {
    throw startFailure(program, thrown)
  }
}

function startFailure(program: string, thrown: unknown): unknown {
  if (errnoOf(thrown) !== 'ENOENT') return thrown
  return new GyreError(
    'STEP_FAILED',
    `there is no ${program} here; install Python 3.9 or newer and put it on the PATH of gyre`,
    { program },
    thrown,
  )
}
