import type { ImportRun } from '@gyre/sdk/wire/import'
import type { RunPoint } from '../../store/run-metrics.ts'
import type { Label } from '../../tracking/tracked-run.ts'
import type { WandbRun } from './wandb-run.ts'
import { isOwn, keyOf, sortLeaves } from './wandb-value.ts'

/** The experiment of a run: what W&B calls a project. */
export function experimentOf({ head }: WandbRun): string {
  return head.project || 'uncategorized'
}

/** A run of W&B as one of Gyre's. */
export function toRun(run: WandbRun): ImportRun {
  const { head, exit, environment, config } = run
  const params = config.leaves().filter((leaf) => !isOwn(leaf))
  return {
    format: 'wandb',
    id: run.id,
    experiment: experimentOf(run),
    name: head.displayName,
    userId: environment?.username || environment?.email || '',
    // A run without an end was cut off: nothing will end it.
    phase: exit === undefined ? 'KILLED' : exit.exitCode === 0 ? 'FINISHED' : 'FAILED',
    startMs: run.startMs,
    endMs: endOf(run),
    deletedMs: null,
    params: params.map(({ path, text }) => ({ key: keyOf(path), value: text })),
    tags: [...tagsOf(run), ...summaryOf(run).tags],
    datasets: [],
    models: [],
  }
}

function endOf({ startMs, lastMs, exit }: WandbRun): number {
  return Math.max(lastMs, startMs + (exit?.runtime ?? 0) * 1000)
}

function tagsOf({ head, environment }: WandbRun): Label[] {
  const git = head.git ?? environment?.git
  const told: Readonly<Record<string, string | undefined>> = {
    'mlflow.runName': head.displayName,
    'mlflow.user': environment?.username || environment?.email,
    'mlflow.note.content': head.notes,
    'mlflow.source.name': environment?.program,
    'mlflow.source.git.commit': git?.commit,
    'mlflow.source.git.repoURL': git?.remoteUrl,
    'wandb.entity': head.entity,
    'wandb.group': head.runGroup,
    'wandb.job_type': head.jobType,
    'wandb.sweep': head.sweepId,
    'wandb.host': head.host,
    'wandb.os': environment?.os,
    'wandb.python': environment?.python,
  }
  const tags = Object.entries(told).map(([key, value = '']) => ({ key, value }))
  return [
    ...tags.filter(({ value }) => value !== ''),
    ...head.tags.map((label) => ({ key: `wandb.tag.${label}`, value: 'true' })),
  ]
}

/** What a summary says beyond the history. */
export interface Summary {
  /** Numbers, as metrics of one point: under `summary/` where the history has other values of the same name. */
  readonly points: readonly RunPoint[]
  /** Texts, as tags. */
  readonly tags: readonly Label[]
  /** What the history says too. */
  readonly repeated: number
  /** What is neither a number nor a text. */
  readonly others: number
}

const NOTHING: Summary = { points: [], tags: [], repeated: 0, others: 0 }

/** The summary of a run that has ended; before that it only says how far the history is. */
export function summaryOf(run: WandbRun): Summary {
  if (run.exit === undefined) return NOTHING
  const { plain, media } = sortLeaves(run.summary.leaves().filter((leaf) => !isOwn(leaf)))
  const at = { step: 0, atMs: endOf(run) }
  const numbers = plain.flatMap(({ path, number: value }) =>
    value === undefined ? [] : [{ key: keyOf(path), value }],
  )
  const fresh = numbers.filter(({ key, value }) => !Object.is(run.last.get(key), value))
  const texts = plain.filter(({ isText }) => isText)
  return {
    points: fresh.map(({ key, value }) => ({
      key: run.last.has(key) ? `summary/${key}` : key,
      value,
      ...at,
    })),
    tags: texts.map(({ path, text }) => ({ key: `wandb.summary.${keyOf(path)}`, value: text })),
    repeated: numbers.length - fresh.length,
    others: plain.length - numbers.length - texts.length + media.size,
  }
}
