import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errnoOf, GyreError } from '../../../core/errors.ts'
import { holds, interpolate, type Scope } from './expression.ts'
import type { Workflow, WorkflowJob, WorkflowStep } from './workflow.ts'

/** What a job is run with. */
export interface JobDeps {
  /** The repository and the commit that is checked out of it. */
  readonly root: string
  readonly commit: string
  /** A folder of the job's own: its workspace is made in it. */
  readonly folder: string
  /** Where the jobs of this run leave files for each other. */
  readonly artifacts: string
  readonly workflow: Workflow
  readonly environment: Readonly<Record<string, string>>
  readonly values: Scope['values']
  readonly tell: (line: string) => void
}

export interface JobResult {
  readonly result: 'succeeded' | 'failed'
  /** The step that failed, and how. */
  readonly reason?: string
}

/** Runs the steps of a job in an empty folder; a failed one ends it, but for steps that ask for failures. */
export async function runJob(deps: JobDeps, job: WorkflowJob): Promise<JobResult> {
  const workspace = join(deps.folder, 'workspace')
  await mkdir(workspace, { recursive: true })
  const scope = (hasFailed: boolean): Scope => ({ values: deps.values, hasFailed })
  let reason: string | undefined
  for (const step of job.steps) {
    const now = scope(reason !== undefined)
    if (!holds(step.if, now)) continue
    const title = step.name ?? step.run?.trim().split('\n')[0] ?? step.uses ?? ''
    deps.tell(`  ${title}`)
    const failed = await runStep({ ...deps, workspace }, job, step, now)
    if (failed !== undefined) reason ??= `${title}: ${failed}`
  }
  return reason === undefined ? { result: 'succeeded' } : { result: 'failed', reason }
}

type StepDeps = JobDeps & { readonly workspace: string }

/** How it failed; undefined where it did not. Throws INVALID_ARGUMENT for what this machine cannot do. */
async function runStep(
  deps: StepDeps,
  job: WorkflowJob,
  step: WorkflowStep,
  scope: Scope,
): Promise<string | undefined> {
  if (step.run !== undefined && step.uses === undefined)
    return runLine(deps, job, { ...step, run: interpolate(step.run, scope) }, scope)
  if (step.uses === undefined || step.run !== undefined)
    throw new GyreError('INVALID_ARGUMENT', 'a step has either run or uses', { field: 'steps' })
  const given = Object.fromEntries(
    Object.entries(step.with ?? {}).map(([key, value]) => [key, interpolate(value, scope)]),
  )
  return useAction(deps, step.uses.replace(/@.*/, ''), given)
}

async function useAction(
  { root, commit, artifacts, workspace, environment }: StepDeps,
  action: string,
  { name = 'artifact', path = '.' }: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  switch (action) {
    case 'actions/checkout':
      for (const args of [
        ['clone', '--quiet', '--no-checkout', root, '.'],
        ['checkout', '--quiet', '--detach', commit],
      ]) {
        const failed = await run('git', args, { cwd: workspace, env: environment })
        if (failed !== undefined) return failed
      }
      return undefined
    // What is on this machine is what is used.
    case 'actions/setup-node':
      return run('node', ['--version'], { cwd: workspace, env: environment })
    case 'actions/setup-python':
      return run('python3', ['--version'], { cwd: workspace, env: environment })
    case 'actions/upload-artifact':
      return copy(join(workspace, path), join(artifacts, name), `${path}: no such file to upload`)
    case 'actions/download-artifact':
      return copy(join(artifacts, name), join(workspace, path), `no job has uploaded ${name}`)
    default:
      throw new GyreError('INVALID_ARGUMENT', `${action}: an action that cannot be run here`, {
        field: 'uses',
      })
  }
}

/** A folder gives what is in it, a file itself. */
async function copy(from: string, to: string, missing: string): Promise<string | undefined> {
  try {
    const isFolder = (await stat(from)).isDirectory()
    await mkdir(to, { recursive: true })
    await cp(from, isFolder ? to : join(to, from.slice(dirname(from).length + 1)), {
      recursive: true,
    })
    return undefined
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return missing
    throw thrown
  }
}

/** Files by which steps speak to GitHub's runner. */
const UNREAD = ['GITHUB_ENV', 'GITHUB_OUTPUT', 'GITHUB_PATH'] as const

async function runLine(
  deps: StepDeps,
  job: WorkflowJob,
  step: WorkflowStep & { readonly run: string },
  scope: Scope,
): Promise<string | undefined> {
  const { folder, workspace, workflow } = deps
  const files = Object.fromEntries(UNREAD.map((name) => [name, join(folder, name)]))
  for (const file of Object.values(files)) await writeFile(file, '')
  const inside =
    step['working-directory'] ??
    job.defaults?.run['working-directory'] ??
    workflow.defaults?.run['working-directory'] ??
    '.'
  const own = Object.entries({ ...workflow.env, ...job.env, ...step.env })
  const env = {
    ...deps.environment,
    ...Object.fromEntries(own.map(([name, value]) => [name, interpolate(value, scope)])),
    ...files,
    GITHUB_WORKSPACE: workspace,
  }
  const failed = await run('bash', ['-eo', 'pipefail', '-c', step.run], {
    cwd: join(workspace, inside),
    env,
  })
  for (const name of UNREAD)
    if ((await readFile(files[name] ?? '')).length > 0)
      throw new GyreError('INVALID_ARGUMENT', `a step wrote to ${name}: nothing reads that here`, {
        field: name,
      })
  return failed
}

/** Runs a program with the terminal's stderr as its output; how it failed. */
async function run(
  program: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): Promise<string | undefined> {
  const child = spawn(program, args, { ...options, stdio: ['ignore', 2, 2] })
  try {
    const [code, signal] = await once(child, 'close')
    return code === 0 ? undefined : `ended with ${String(code ?? signal)}`
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT')
      return `there is no ${program} here, or no folder ${options.cwd}`
    throw thrown
  }
}
