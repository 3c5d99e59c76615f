import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { childEnvironment } from '../../../core/config.ts'
import { holds, type Scope } from './expression.ts'
import { passesFilter } from './filter.ts'
import { runJob, type JobResult } from './job.ts'
import { orderJobs, type Workflow } from './workflow.ts'

/** What would be pushed, and what the workflow may ask of the repository on GitHub. */
export interface Pushed {
  readonly root: string
  readonly commit: string
  readonly branch: string
  /** Paths that the push changes. */
  readonly changed: readonly string[]
  readonly vars: Readonly<Record<string, string>>
  readonly secrets: Readonly<Record<string, string>>
}

export interface JobOutcome {
  readonly job: string
  readonly result: JobResult['result'] | 'skipped'
  readonly reason: string
}

/** Why a push starts nothing; undefined where it starts the workflow. */
export function whyNotStarted({ on }: Workflow, { branch, changed }: Pushed): string | undefined {
  if (on.push === undefined) return 'the workflow does not start on a push'
  const { branches, paths } = on.push ?? {}
  if (branches && !passesFilter(branches, [branch]))
    return `no filter for branches lets ${branch} in`
  if (paths && !passesFilter(paths, changed))
    return `none of ${changed.length} changed paths is one that it watches`
  return undefined
}

/** Runs the jobs of a workflow on this machine, each after those it needs, on a clean copy of the commit. */
export async function runWorkflow(
  workflow: Workflow,
  pushed: Pushed,
  tell: (line: string) => void,
): Promise<readonly JobOutcome[]> {
  const folder = await mkdtemp(join(tmpdir(), 'gyre-workflow-'))
  const outcomes = new Map<string, JobOutcome>()
  const artifacts = join(folder, 'artifacts')
  await mkdir(artifacts)
  const ref = `refs/heads/${pushed.branch}`
  const values: Scope['values'] = {
    github: { ref, ref_name: pushed.branch, sha: pushed.commit, event_name: 'push' },
    vars: pushed.vars,
    secrets: pushed.secrets,
  }
  const environment = childEnvironment({
    CI: 'true',
    GITHUB_ACTIONS: 'true',
    GITHUB_EVENT_NAME: 'push',
    GITHUB_REF: ref,
    GITHUB_REF_NAME: pushed.branch,
    GITHUB_SHA: pushed.commit,
    GITHUB_STEP_SUMMARY: join(folder, 'summary.md'),
  })
  try {
    for (const name of orderJobs(workflow.jobs)) {
      const job = workflow.jobs[name]
      if (!job) continue
      const before = job.needs.map((needed) => outcomes.get(needed))
      const hasFailed = before.some((outcome) => outcome?.result !== 'succeeded')
      if (!holds(job.if, { values, hasFailed })) {
        const reason = hasFailed ? `needs ${job.needs.join(', ')}` : `not so: ${job.if}`
        outcomes.set(name, { job: name, result: 'skipped', reason })
        continue
      }
      tell(name)
      const own = join(folder, 'jobs', name)
      const deps = { ...pushed, workflow, folder: own, artifacts, environment, values, tell }
      const { result, reason = '' } = await runJob(deps, job)
      outcomes.set(name, { job: name, result, reason })
    }
    return [...outcomes.values()]
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
