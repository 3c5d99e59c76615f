import { mkdtemp, rm, stat } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { throughOutage, type GyreClient } from '@gyre/sdk/client'
import { Run, RunCheckpoint, type HeldRunEnd, type HeldRunStart } from '@gyre/sdk/wire/run'
import { z } from 'zod'
import { environmentVariable, userEnvironment } from '../../core/config.ts'
import { durationMs } from '../../core/duration.ts'
import { VERSION } from '../../core/package.ts'
import { readCodeFiles, type CodeFiles } from '../../projects/code-files.ts'
import { stampFiles, writtenSince } from '../../projects/written-files.ts'
import { readCodeSource, repositoryOf } from '../../projects/code-source.ts'
import { createStepFiles } from '../../train/step-files.ts'
import { runChild, type ChildEnd } from './child.ts'
import { findInputs, type RunInputs } from './inputs.ts'
import type { Job } from './job.ts'
import { codeToKeep } from './keep-code.ts'
import { createLiveLog } from './live-log.ts'
import { prepareJob } from './prepare-job.ts'
import { followReport } from './report.ts'
import { reportSink } from './report-sink.ts'
import { FOLDER_TAG, wordsOf, type RunRequest } from './request.ts'

/** Where a run is told of, and how. */
export interface Telling {
  readonly client: GyreClient
  readonly key: string | undefined
  readonly experiment: string
  /** What the run is called; as what is executed unless told. */
  readonly name: string | undefined
  /** How long nobody hearing of it is not yet an end. */
  readonly hold: string
  /** The run that it goes on from. */
  readonly resumes?: string
  readonly tags?: Readonly<Record<string, string>>
  readonly stdoutTo: NodeJS.WritableStream
  readonly onStart?: (run: Run) => void
}

/** A server that does not answer is asked again for so long, once there is something to lose. */
const OUTAGE_MS = 120_000

/** Executes what is asked for as a run of the server; gives the run as it ended. Throws before it began what `prepareJob` throws. */
export async function executeRun(request: RunRequest, telling: Telling): Promise<Run> {
  const temp = await mkdtemp(join(tmpdir(), 'gyre-run-'))
  try {
    const job = await prepareJob(request, temp)
    const inputs = await findInputs(telling.client, request, temp)
    const settled = settle({ ...request, inputs: inputs.pinned })
    const codeFolder = await codeFolderOf(job)
    const stamps = await stampFiles(codeFolder)
    const code = await readCodeFiles(codeFolder)
    const start = await startOf(job, settled, telling, { inputs, code, codeFolder })
    const run = await telling.client.post('/api/v1/runs', start, Run)
    telling.onStart?.(run)
    const keeps = await codeToKeep(code, codeFolder, temp)
    const variables = { ...inputs.variables, ...(await resumed(telling.client, run, temp)) }
    const written = () => writtenSince(codeFolder, stamps)
    const more = { ...telling, temp, keeps, variables, written }
    return await hold(run, telling, () => carryOut(run, job, settled, more))
  } finally {
    await rm(temp, { recursive: true, force: true })
  }
}

/** A program imports what lies beside its folder as well: in a repository all of it is its code. */
async function codeFolderOf({ codeFolder }: Job): Promise<string> {
  return (await repositoryOf(codeFolder)) ?? codeFolder
}

type Settled = RunRequest & { readonly seed: number; readonly threads: number }

/** With what is told by nobody decided, so that the same words are the same run on another machine too. */
function settle(request: RunRequest): Settled {
  const { params, seed, threads } = request
  const param = params.get('seed') ?? ''
  const asked = Number(environmentVariable('OMP_NUM_THREADS'))
  return {
    ...request,
    seed: seed ?? (/^\d{1,15}$/.test(param) ? Number(param) : 0),
    threads: threads ?? (Number.isInteger(asked) && asked > 0 ? asked : availableParallelism()),
  }
}

async function startOf(
  job: Job,
  request: Settled,
  { experiment, name = job.name, hold: asked, tags, resumes }: Telling,
  {
    inputs,
    code,
    codeFolder,
  }: { readonly inputs: RunInputs; readonly code: CodeFiles; readonly codeFolder: string },
): Promise<z.input<typeof HeldRunStart>> {
  const { lockfileDigest = job.lockfileDigest, ...source } = await readCodeSource(codeFolder)
  const lock = job.lockfileDigest ?? lockfileDigest
  // The program's own file is known by its digest already.
  const files = Object.entries(code.digests).filter(([, digest]) => digest !== job.digest)
  return {
    kind: job.kind,
    name,
    experiment,
    params: { ...job.params },
    inputs: [...inputs.refs],
    seed: request.seed,
    hold: asked,
    ...(resumes === undefined ? {} : { resumes }),
    code: {
      digest: job.digest,
      command: wordsOf(request),
      ...source,
      ...(lock === undefined ? {} : { lockfileDigest: lock }),
      ...(files.length === 0 ? {} : { files: Object.fromEntries(files) }),
    },
    environment: environmentFacts(job, request),
    tags: {
      ...tags,
      [FOLDER_TAG]: request.folder,
      'mlflow.source.name': request.target,
      'mlflow.source.type': { script: 'LOCAL', notebook: 'NOTEBOOK', project: 'PROJECT' }[job.kind],
      ...(source.gitCommit === undefined ? {} : { 'mlflow.source.git.commit': source.gitCommit }),
      ...(job.kind === 'project' ? { 'mlflow.project.entryPoint': request.entry ?? 'main' } : {}),
    },
  }
}

function environmentFacts({ facts }: Job, { threads }: Settled): Record<string, string> {
  const variables = ['TZ', 'LANG'].flatMap((name) => {
    const value = environmentVariable(name)
    return value === undefined ? [] : [[name, value] as const]
  })
  return {
    ...facts,
    gyre: VERSION,
    platform: `${process.platform} ${process.arch}`,
    OMP_NUM_THREADS: String(threads),
    ...Object.fromEntries(variables),
  }
}

const Last = z.strictObject({ checkpoint: RunCheckpoint.nullable() })

/** How a program learns what to go on from: as a step does. */
async function resumed(client: GyreClient, { id }: Run, temp: string) {
  const { checkpoint } = await client.get(`/api/v1/runs/${id}/checkpoint`, Last)
  if (!checkpoint) return {}
  const path = await createStepFiles(client, temp).artifact(checkpoint.artifact)
  return { GYRE_CHECKPOINT: path, GYRE_CHECKPOINT_STEP: String(checkpoint.step) }
}

/** What carrying out takes besides. */
interface Carried extends Telling {
  readonly temp: string
  /** Files to keep before the program starts, by their paths there. */
  readonly keeps: ReadonlyMap<string, string>
  readonly variables: Readonly<Record<string, string>>
  /** What has been written since where its code lies. */
  readonly written: () => Promise<NonNullable<HeldRunEnd['written']>>
}

/** Says that the run goes on for as long as the work takes. */
async function hold<T>(
  { id }: Run,
  { client, hold: asked }: Telling,
  work: () => Promise<T>,
): Promise<T> {
  const beat = setInterval(
    () => {
      // A server that is away hears of it later: the end is told with patience.
      client.post(`/api/v1/runs/${id}/heartbeat`, { hold: asked }, Run).catch(() => {})
    },
    durationMs(asked) / 4,
  )
  try {
    return await work()
  } finally {
    clearInterval(beat)
  }
}

async function carryOut(
  run: Run,
  job: Job,
  request: Settled,
  { client, key, stdoutTo, temp, keeps: before, variables, written }: Carried,
): Promise<Run> {
  const logs = { stdout: join(temp, 'stdout.txt'), stderr: join(temp, 'stderr.txt') }
  const signal = new AbortController().signal
  const tell = <T>(call: () => Promise<T>): Promise<T> => throughOutage(call, OUTAGE_MS, signal)
  const report = join(temp, 'report.jsonl')
  const sink = reportSink({ client, run, folder: job.folder, temp, tell })
  let unkept: string | undefined
  const live = createLiveLog((piece) =>
    tell(() => client.post(`/api/v1/runs/${run.id}/log`, piece, z.strictObject({}))),
  )
  const end = await begin().catch(async (thrown: unknown) => {
    const message = thrown instanceof Error ? thrown.message : String(thrown)
    await endRun({ status: 'failed', error: { code: 'STEP_FAILED', message } })
    throw thrown
  })
  const keeps = new Map([
    ['logs/stdout.txt', logs.stdout],
    ['logs/stderr.txt', logs.stderr],
    ...job.keeps,
  ])
  await live.close()
  try {
    for (const [path, file] of keeps) if (await hasBytes(file)) await keepFile(path, file)
  } catch (thrown) {
    // How the program ended is known, whatever became of its files.
    await endRun(verdict())
    throw thrown
  }
  return endRun({ ...verdict(), written: await written() })

  function verdict(): HeldRunEnd {
    const told = verdictOf(job, end)
    if (unkept === undefined || told.status !== 'succeeded') return told
    return { status: 'failed', error: { code: 'STEP_FAILED', message: unkept } }
  }

  /** What it runs is on the server before it runs: it may change, and be killed. */
  async function begin(): Promise<ChildEnd> {
    for (const [path, file] of before) await keepFile(path, file)
    const running = runChild({
      program: job.program,
      folder: job.folder,
      environment: userEnvironment({
        ...job.variables,
        ...variables,
        GYRE_REPORT: report,
        ...runVariables(run, request, { url: client.url, key }),
      }),
      logs,
      stdoutTo,
      onOutput: (text) => live.add(text),
    })
    const reading = followReport(report, running, sink).catch(giveUp)
    return (await Promise.all([running, reading]))[0]
  }

  /** The program goes on; that its report could not be kept is what becomes of the run. */
  function giveUp(thrown: unknown): void {
    unkept = thrown instanceof Error ? thrown.message : String(thrown)
    process.stderr.write(`gyre: ${unkept}\n`)
  }

  async function keepFile(path: string, file: string): Promise<void> {
    await tell(() => keep(client, run, path, file))
  }

  function endRun(told: HeldRunEnd): Promise<Run> {
    return tell(() => client.post(`/api/v1/runs/${run.id}/end`, told, Run))
  }
}

/** What a program needs to log to this very run: MLflow's client, and ours. */
function runVariables(
  { id, experiment }: Run,
  { seed, threads }: Settled,
  { url, key }: { readonly url: string; readonly key: string | undefined },
): Readonly<Record<string, string | undefined>> {
  return {
    MLFLOW_TRACKING_URI: url,
    MLFLOW_RUN_ID: id,
    MLFLOW_EXPERIMENT_ID: experiment ?? '0',
    // It would name another experiment than that of the run.
    MLFLOW_EXPERIMENT_NAME: undefined,
    GYRE_URL: url,
    GYRE_RUN_ID: id,
    GYRE_SEED: String(seed),
    // The order of sets of texts is drawn from it.
    PYTHONHASHSEED: String(((seed % 2 ** 32) + 2 ** 32) % 2 ** 32),
    OMP_NUM_THREADS: String(threads),
    OPENBLAS_NUM_THREADS: String(threads),
    MKL_NUM_THREADS: String(threads),
    ...(key === undefined ? {} : { MLFLOW_TRACKING_TOKEN: key, GYRE_KEY: key }),
  }
}

async function hasBytes(file: string): Promise<boolean> {
  return stat(file).then(
    ({ size }) => size > 0,
    () => false,
  )
}

async function keep(
  client: GyreClient,
  { id, experiment }: Run,
  path: string,
  file: string,
): Promise<void> {
  const name = path.split('/').map(encodeURIComponent).join('/')
  await client.upload(
    `/api/2.0/mlflow-artifacts/artifacts/${experiment}/${id}/artifacts/${name}`,
    file,
  )
}

function verdictOf({ kind, name }: Job, end: ChildEnd): HeldRunEnd {
  if (end.isStopped)
    return { status: 'cancelled', error: { code: 'CANCELLED', message: 'stopped by a signal' } }
  if (end.exit === 0) return { status: 'succeeded' }
  // What executes notebooks names file and cell; a kernel may say something after it.
  const ofCell = end.lastLines.findLast(
    (line) => kind === 'notebook' && line.startsWith(`${name}: `),
  )
  const how = end.exit === null ? `was killed by ${end.signal}` : `ended with exit code ${end.exit}`
  const last = end.lastLines.at(-1) ?? ''
  const message = ofCell ?? `${name} ${how}${last === '' ? '' : `: ${last}`}`
  return { status: 'failed', error: { code: 'STEP_FAILED', message } }
}
