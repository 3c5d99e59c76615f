import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, realpath, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative, sep } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ModelArtifact, RowSet, type StepSpec } from '@gyre/sdk/wire/pipeline'
import { Artifact } from '@gyre/sdk/wire/artifact'
import { isNotebook, NOTEBOOK_EXECUTOR } from '@gyre/sdk/wire/python'
import type { Checkpoint } from '@gyre/sdk/wire/step'
import { Json, type JsonValue } from '@gyre/sdk/wire/ref'
import { errnoOf, GyreError } from '../core/errors.ts'
import { inBundle } from '../projects/python-files.ts'
import { openPython } from './python-environment.ts'
import type { StartScript } from './python-process.ts'
import {
  openReport,
  type PythonReport,
  type ReportedCheckpoint,
  type ReportedPoint,
} from './python-report.ts'
import type { StepFiles, Stored } from './step-files.ts'

export interface PythonStepDeps {
  readonly files: StepFiles
  /** The path of rows as Arrow's IPC file, given that of their Parquet. */
  readonly arrow: (parquet: string) => Promise<string>
  /** A folder of the step's own, empty. */
  readonly folder: string
  /** Where virtual environments are kept. */
  readonly environments: string
  readonly start: StartScript
  /** What the script finds in its environment besides what belongs to every step. */
  readonly variables: Readonly<Record<string, string>>
  /** What the step runs on. */
  readonly tell: (facts: Readonly<Record<string, string>>) => Promise<void>
  /** Points of the step's run, as they come. */
  readonly log: (points: readonly ReportedPoint[]) => Promise<void>
  /** Commits a file or folder as what the next attempt goes on from. */
  readonly commit: (step: number, artifact: Artifact) => Promise<void>
  /** The step is told to end; after `graceMs` its script is made to. */
  readonly signal: AbortSignal
  readonly graceMs: number
}

export interface PythonWork {
  readonly spec: Extract<StepSpec, { kind: 'python' }>
  /** Digest of the bundle's tree. */
  readonly bundle: string
  readonly inputs: Readonly<Record<string, JsonValue>>
  readonly seed: number
  readonly checkpoint: Checkpoint | null
}

/** Where it is kept what is known of the interpreter that environments are made with. */
export function interpreterFile(environments: string): string {
  return join(environments, 'interpreter.json')
}

/**
 * Runs a script to its end and gives its outputs. What it prints is this process's own output. Throws STEP_FAILED:
 * no Python, packages, an exit code, a signal, a report that cannot be read; `interrupted` in its details where the
 * script was ended by somebody else.
 */
export async function runPythonStep(deps: PythonStepDeps, work: PythonWork): Promise<JsonValue> {
  const { files, folder } = deps
  const { spec, seed } = work
  const code = await files.folder(work.bundle, inBundle(''))
  const lock = spec.requirements && join(code, inBundle(spec.requirements.path))
  const { command, facts } = await openPython(
    { folder: deps.environments, known: interpreterFile(deps.environments) },
    lock,
  )
  const threads = String(threadsOf(spec))

  const inputs = join(folder, 'inputs.json')
  const reported = join(folder, 'report.jsonl')
  const outputs = join(folder, 'outputs')
  await mkdir(outputs)
  await writeFile(inputs, JSON.stringify(await withPaths(placeOf(deps, spec), work.inputs)))
  const resumed = work.checkpoint && (await checkpointed(files, work.checkpoint))
  const told = deps.tell({ ...facts, OMP_NUM_THREADS: threads })
  const script = join(code, inBundle(spec.script))
  const copy = isNotebook(spec.script) ? basename(spec.script) : undefined
  const child = deps.start({
    command,
    ...(copy === undefined
      ? { script, words: [] }
      : {
          script: join(code, inBundle(NOTEBOOK_EXECUTOR)),
          words: [script, copy, '--params', inputs, '--name', spec.script],
        }),
    folder: outputs,
    variables: {
      ...deps.variables,
      // Modules beside a script are found by themselves.
      ...(copy !== undefined && { PYTHONPATH: dirname(script) }),
      ...resumed,
      GYRE_INPUTS: inputs,
      GYRE_REPORT: reported,
      GYRE_SEED: String(seed),
      OMP_NUM_THREADS: threads,
      OPENBLAS_NUM_THREADS: threads,
      MKL_NUM_THREADS: threads,
    },
  })
  const report = openReport(reported)
  const ended = once(child, 'close')
  const stopAtLast = endWith(child, deps)
  const sink: Sink = {
    log: deps.log,
    commit: async ({ checkpoint, step }) => {
      await deps.commit(step, await storePath(files, outputs, 'checkpoint', checkpoint))
      await rm(join(outputs, checkpoint), { recursive: true })
    },
  }
  await Promise.all([told, follow(report, ended, sink)]).catch((thrown: unknown) => {
    child.kill('SIGKILL')
    throw thrown
  })
  const [exit, signal] = await ended
  stopAtLast()
  // A line that was being written when the script was killed is none.
  await takeNew(report, exit === 0, sink)
  if (exit !== 0)
    throw new GyreError(
      'STEP_FAILED',
      exit === null
        ? `${spec.script} was killed by ${String(signal)}`
        : `${spec.script} ended with exit code ${String(exit)}`,
      {
        ...(exit === null ? { signal } : { exitCode: exit }),
        interrupted: exit === null || INTERRUPTED.has(Number(exit)) || deps.signal.aborted,
      },
    )
  const stored: [string, JsonValue][] = []
  const executed = copy === undefined ? [] : [['notebook', copy] as const]
  for (const [name, path] of [...executed, ...report.paths])
    stored.push([name, Json.parse(await storePath(files, outputs, name, path))])
  return Object.fromEntries([...report.values, ...stored])
}

/** A share of a core is one thread. */
function threadsOf({ threads, resources }: PythonWork['spec']): number {
  return threads === 'cpu' ? Math.max(1, Math.floor(resources?.cpu ?? 1)) : threads
}

/** How a script that was told to end says so: EX_TEMPFAIL of sysexits(3), or as a shell tells of SIGKILL and SIGTERM. */
const INTERRUPTED: ReadonlySet<number> = new Set([75, 137, 143])

/** Tells a script of the step's end, and ends it when its grace is over; gives what calls that off. */
function endWith(child: ChildProcess, { signal, graceMs }: PythonStepDeps): () => void {
  let force: NodeJS.Timeout | undefined
  const stop = (): void => {
    child.kill('SIGTERM')
    force = setTimeout(() => child.kill('SIGKILL'), graceMs)
  }
  signal.addEventListener('abort', stop)
  return () => {
    signal.removeEventListener('abort', stop)
    clearTimeout(force)
  }
}

/** How a script learns what to go on from. */
async function checkpointed(files: StepFiles, { step, artifact }: Checkpoint) {
  return {
    GYRE_CHECKPOINT: await files.artifact(artifact),
    GYRE_CHECKPOINT_STEP: String(step),
  }
}

interface Sink {
  readonly log: PythonStepDeps['log']
  readonly commit: (checkpoint: ReportedCheckpoint) => Promise<void>
}

/** How often it is looked what a script has told. */
const FOLLOW_MS = 250
/** So many points go to the server at once. */
const LOGGED_POINTS = 10_000

/** Logs what a script tells while it runs. */
async function follow(report: PythonReport, ended: Promise<unknown>, sink: Sink): Promise<void> {
  const over = new AbortController()
  const stop = (): void => over.abort()
  ended.then(stop, stop)
  while (!over.signal.aborted) {
    await delay(FOLLOW_MS, undefined, { signal: over.signal }).catch(() => undefined)
    if (!over.signal.aborted) await takeNew(report, false, sink)
  }
}

/** A checkpoint comes after the points that were told before it. */
async function takeNew(
  report: PythonReport,
  isWhole: boolean,
  { log, commit }: Sink,
): Promise<void> {
  const points: ReportedPoint[] = []
  for await (const told of report.read(isWhole)) {
    if ('checkpoint' in told) {
      if (points.length > 0) await log(points.splice(0))
      await commit(told)
      continue
    }
    points.push(told)
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
    return files.artifact(artifact.data)
  }
}

/** Keeps a file or a folder that the script wrote where it runs. Throws STEP_FAILED naming the output. */
export async function storePath(
  files: StepFiles,
  folder: string,
  output: string,
  path: string,
): Promise<Stored> {
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
  if (!(await stat(real)).isDirectory()) return files.putFile(real)
  const entries = await readdir(real, { recursive: true, withFileTypes: true })
  const paths = entries
    .filter((each) => each.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => [relative(real, file).split(sep).join('/'), file])
  return files.putFolder(Object.fromEntries(paths))
}
