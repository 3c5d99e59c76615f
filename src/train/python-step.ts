import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, realpath, stat, writeFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ModelArtifact, RowSet, type StepSpec } from '@gyre/sdk/wire/pipeline'
import { Artifact, TREE_MEDIA_TYPE } from '@gyre/sdk/wire/artifact'
import { Json, type JsonValue } from '@gyre/sdk/wire/ref'
import { childEnvironment } from '../core/config.ts'
import { errnoOf, GyreError } from '../core/errors.ts'
import { inBundle } from '../projects/python-files.ts'
import { openPython } from './python-environment.ts'
import { openReport, type PythonReport, type ReportedPoint } from './python-report.ts'
import type { StepFiles } from './step-files.ts'

export interface PythonStepDeps {
  readonly files: StepFiles
  /** The path of rows as Arrow's IPC file, given that of their Parquet. */
  readonly arrow: (parquet: string) => Promise<string>
  /** A folder of the step's own, empty. */
  readonly folder: string
  /** Where virtual environments are kept. */
  readonly environments: string
  /** What the script finds in its environment besides what belongs to every step. */
  readonly variables: Readonly<Record<string, string>>
  /** What the step runs on. */
  readonly tell: (facts: Readonly<Record<string, string>>) => Promise<void>
  /** Points of the step's run, as they come. */
  readonly log: (points: readonly ReportedPoint[]) => Promise<void>
}

export interface PythonWork {
  readonly spec: Extract<StepSpec, { kind: 'python' }>
  /** Digest of the bundle's tree. */
  readonly bundle: string
  readonly inputs: Readonly<Record<string, JsonValue>>
  readonly seed: number
}

/**
 * Runs a script to its end and gives its outputs. What it prints is this process's own output. Throws STEP_FAILED:
 * no Python, packages, an exit code, a signal, a report that cannot be read.
 */
export async function runPythonStep(deps: PythonStepDeps, work: PythonWork): Promise<JsonValue> {
  const { files, folder } = deps
  const { spec, seed } = work
  const code = await files.folder(work.bundle, inBundle(''))
  const lock = spec.requirements && join(code, inBundle(spec.requirements.path))
  const { command, facts } = await openPython(
    { folder: deps.environments, known: join(deps.environments, 'interpreter.json') },
    lock,
  )
  const threads = String(spec.threads)

  const inputs = join(folder, 'inputs.json')
  const reported = join(folder, 'report.jsonl')
  const outputs = join(folder, 'outputs')
  await mkdir(outputs)
  await writeFile(inputs, JSON.stringify(await withPaths(placeOf(deps, spec), work.inputs)))
  const [program, ...flags] = command
  const told = deps.tell({ ...facts, OMP_NUM_THREADS: threads })
  const child = spawn(program, [...flags, join(code, inBundle(spec.script))], {
    cwd: outputs,
    env: childEnvironment({
      ...deps.variables,
      GYRE_INPUTS: inputs,
      GYRE_REPORT: reported,
      GYRE_SEED: String(seed),
      OMP_NUM_THREADS: threads,
      OPENBLAS_NUM_THREADS: threads,
      MKL_NUM_THREADS: threads,
      // The order of sets of texts is drawn from it.
      PYTHONHASHSEED: String(((seed % 2 ** 32) + 2 ** 32) % 2 ** 32),
      PYTHONNOUSERSITE: '1',
      PYTHONUNBUFFERED: '1',
    }),
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const report = openReport(reported)
  const ended = once(child, 'close')
  await Promise.all([told, follow(report, ended, deps.log)]).catch((thrown: unknown) => {
    child.kill('SIGKILL')
    throw thrown
  })
  const [exit, signal] = await ended
  // A line that was being written when the script was killed is none.
  await logNew(report, exit === 0, deps.log)
  if (exit !== 0)
    throw new GyreError(
      'STEP_FAILED',
      exit === null
        ? `${spec.script} was killed by ${String(signal)}`
        : `${spec.script} ended with exit code ${String(exit)}`,
      exit === null ? { signal } : { exitCode: exit },
    )
  const stored: [string, JsonValue][] = []
  for (const [name, path] of report.paths)
    stored.push([name, await store(files, outputs, name, path)])
  return Object.fromEntries([...report.values, ...stored])
}

/** How often it is looked what a script has told. */
const FOLLOW_MS = 250
/** So many points go to the server at once. */
const LOGGED_POINTS = 10_000

/** Logs what a script tells while it runs. */
async function follow(
  report: PythonReport,
  ended: Promise<unknown>,
  log: PythonStepDeps['log'],
): Promise<void> {
  const over = new AbortController()
  const stop = (): void => over.abort()
  ended.then(stop, stop)
  while (!over.signal.aborted) {
    await delay(FOLLOW_MS, undefined, { signal: over.signal }).catch(() => undefined)
    if (!over.signal.aborted) await logNew(report, false, log)
  }
}

async function logNew(
  report: PythonReport,
  isWhole: boolean,
  log: PythonStepDeps['log'],
): Promise<void> {
  const points: ReportedPoint[] = []
  for await (const point of report.read(isWhole)) {
    points.push(point)
    if (points.length === LOGGED_POINTS) await log(points.splice(0))
  }
  if (points.length > 0) await log(points)
}

type Place = (value: JsonValue) => Promise<string | undefined>

/** Inputs with a `path` in whatever is bytes: the Parquet of rows, the folder of a model, a file. */
async function withPaths(place: Place, value: JsonValue): Promise<JsonValue> {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return Promise.all(value.map((inner) => withPaths(place, inner)))
  const path = await place(value)
  if (path !== undefined) return Object.fromEntries([...Object.entries(value), ['path', path]])
  const members = Object.entries(value).map(
    async ([key, inner]) => [key, await withPaths(place, inner)] as const,
  )
  return Object.fromEntries(await Promise.all(members))
}

/** Where a script finds the bytes that a value stands for, if it does. */
function placeOf({ files, arrow }: PythonStepDeps, spec: PythonWork['spec']): Place {
  return async (value) => {
    const rows = RowSet.safeParse(value)
    if (rows.success) {
      const parquet = await files.blob(rows.data.digest)
      return spec.rows === 'arrow' ? arrow(parquet) : parquet
    }
    const model = ModelArtifact.safeParse(value)
    if (model.success) return files.folder(model.data.digest)
    const artifact = Artifact.safeParse(value)
    if (!artifact.success) return undefined
    const { digest, mediaType } = artifact.data
    return mediaType === TREE_MEDIA_TYPE ? files.folder(digest) : files.blob(digest)
  }
}

/** Keeps a file or a folder that the script wrote where it runs. Throws STEP_FAILED naming the output. */
async function store(
  files: StepFiles,
  folder: string,
  output: string,
  path: string,
): Promise<JsonValue> {
  const real = await realpath(join(folder, path)).catch((thrown: unknown) => {
    if (errnoOf(thrown) === 'ENOENT') return undefined
    throw thrown
  })
  const root = await realpath(folder)
  if (real === undefined || !real.startsWith(root + sep))
    throw new GyreError(
      'STEP_FAILED',
      `output ${output}: no ${path} in the folder that the script runs in`,
      { output },
    )
  if (!(await stat(real)).isDirectory()) return Json.parse(await files.putFile(real))
  const entries = await readdir(real, { recursive: true, withFileTypes: true })
  const paths = entries
    .filter((each) => each.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => [relative(real, file).split(sep).join('/'), file])
  return Json.parse(await files.putFolder(Object.fromEntries(paths)))
}
