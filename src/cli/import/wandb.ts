import { realpath } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { ImportExperiment } from '@gyre/sdk/wire/import'
import { GyreError } from '../../core/errors.ts'
import { filesIn } from './folder-files.ts'
import { entriesOf, refuseStrange } from './mlflow-folder.ts'
import type { Source, SourceRun } from './source.ts'
import type { Tally } from './tally.ts'
import { addFromFiles } from './wandb-files.ts'
import { artifactFiles } from './wandb-artifacts.ts'
import { IN_LOG, loggedPoints, scanLog, type RunFolder, type WandbRun } from './wandb-run.ts'
import { experimentOf, summaryOf, toRun } from './wandb-shape.ts'

export interface WandbOptions {
  /** Where else the files of artifacts may be. */
  readonly copies: readonly string[]
  /** Whether links out of a run's folder are followed, as W&B makes them for files that are saved by name. */
  readonly followLinks: boolean
}

/**
 * A folder of W&B's runs, or one of them. Throws INVALID_ARGUMENT where there is no run.
 */
export async function openWandb(
  tally: Tally,
  path: string,
  { copies, followLinks }: WandbOptions,
): Promise<Source> {
  const folders = await runFolders(tally, await realpath(path))
  const runs = new Map<string, WandbRun>()
  for (const folder of folders) {
    const run = await scanLog(tally, runs, folder)
    if (run) await addFromFiles(tally, run, folder)
  }

  return {
    numbered: new Map(),
    async *experiments() {
      yield* experimentsOf(runs)
    },
    async *runs() {
      for (const run of runs.values()) {
        leaveRest(tally, run)
        yield sourceRun(tally, run, { copies, followLinks })
      }
    },
    async *traces() {},
    async *loggedModels() {},
    async *models() {},
    async *versions() {},
    async *aliases() {},
    async *stages() {},
    close: () => {},
  }
}

const RUN_FOLDER = /^(?:offline-)?run-\d{8}_\d{6}-/

/** Links and logs that W&B puts beside the runs, and files about all of them. */
const BESIDE = /^(?:latest-run|debug[\w-]*\.log|debug-cli\..*\.log|settings|wandb-resume\.json)$/

async function runFolders(tally: Tally, path: string): Promise<RunFolder[]> {
  if (RUN_FOLDER.test(basename(path))) return logOf(tally, path)
  const { folders, others } = await entriesOf(path)
  const runs = folders.filter((name) => RUN_FOLDER.test(name))
  if (runs.length === 0) {
    if (folders.includes('wandb')) return runFolders(tally, join(path, 'wandb'))
    throw new GyreError(
      'INVALID_ARGUMENT',
      `${path}: expected folders like offline-run-20010203_040506-abcd1234, or one of them`,
      { path },
    )
  }
  const strange = [...folders, ...others].filter((name) => !RUN_FOLDER.test(name))
  refuseStrange(tally, path, strange.filter((name) => !BESIDE.test(name)), []) // prettier-ignore
  const found: RunFolder[] = []
  for (const name of runs) found.push(...(await logOf(tally, join(path, name))))
  return found
}

async function logOf(tally: Tally, path: string): Promise<RunFolder[]> {
  const [log] = (await entriesOf(path)).others.filter((name) => name.endsWith('.wandb'))
  if (log !== undefined) return [{ path, log: join(path, log) }]
  tally.miss('runs', path, 'it has no transaction log (.wandb)')
  return []
}

function* experimentsOf(runs: ReadonlyMap<string, WandbRun>): Generator<ImportExperiment> {
  const times = new Map<string, number[]>()
  for (const run of runs.values()) {
    const name = experimentOf(run)
    times.set(name, [...(times.get(name) ?? []), run.startMs])
  }
  for (const [name, all] of times) {
    const createdMs = Math.min(...all)
    yield { name, tags: [], createdMs, updatedMs: Math.max(...all), deletedMs: null }
  }
}

function sourceRun(tally: Tally, run: WandbRun, { copies, followLinks }: WandbOptions): SourceRun {
  return {
    run: toRun(run),
    async *points() {
      yield* loggedPoints(run)
      yield* summaryOf(run).points
    },
    async *files() {
      for (const [i, { path: folder }] of run.folders.entries()) {
        const walk = {
          tally,
          of: `run ${run.id}`,
          within: [followLinks ? '/' : folder],
          hint: '--follow-links takes it',
          without: [LOGS],
        }
        // A resumed run has the same names again.
        const above = i === 0 ? '' : `${basename(folder)}/`
        for await (const { path, from } of filesIn(folder, walk))
          yield { path: above + pathInRun(path), from }
        await leaveLogs(tally, folder)
      }
      yield* artifactFiles(tally, run, copies)
    },
  }
}

/** In the folder of a run: what W&B says of itself and this machine. It links to logs of other runs. */
const LOGS = 'logs'

async function leaveLogs(tally: Tally, folder: string): Promise<void> {
  const { folders, others } = await entriesOf(join(folder, LOGS))
  tally.leave(
    "W&B's own logs",
    'they tell of W&B and of its machine',
    folders.length + others.length,
  )
}

/** What lies in `files` is the run's own; the rest is W&B's, its log among it. */
function pathInRun(path: string): string {
  return path.startsWith('files/') ? path.slice('files/'.length) : `wandb/${path}`
}

/** Puts down what only the log tells of, which comes with the files of the run. */
function leaveRest(tally: Tally, run: WandbRun): void {
  const leave = (kind: string, count: number): void => tally.leave(kind, IN_LOG, count)
  leave('values that are no numbers', run.otherValues)
  const { repeated, others } = summaryOf(run)
  tally.find('summary values', repeated)
  tally.settle('summary values', 'there', repeated)
  leave('summary values', others + (run.exit ? 0 : run.summary.leaves().length))
  for (const [name, count] of run.otherRecords)
    if (name in RECORDS) leave(RECORDS[name] ?? name, count)
    else tally.miss('log records', `${count} of run ${run.id}`, 'only a newer W&B knows their kind', count) // prettier-ignore
}

/** What W&B's records are about. */
const RECORDS: Readonly<Record<string, string>> = {
  alert: 'alerts',
  files: 'lists of files',
  final: 'records of its end',
  footer: 'records of its end',
  header: 'records of its beginning',
  metric: 'definitions of metrics',
  output: 'console output',
  outputLogger: 'console output',
  outputRaw: 'console output',
  preempting: 'preemptions',
  tbrecord: 'TensorBoard folders',
  telemetry: 'telemetry',
  useArtifact: 'artifacts that were used',
}
