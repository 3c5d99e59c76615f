import type { JsonValue } from '@gyre/sdk/wire/ref'
import type { Run, RunRef } from '@gyre/sdk/wire/run'
import { table } from './table.ts'

/** What each run has under a name, in the order of the runs; null where it has nothing. */
type Compared<T> = Readonly<Record<string, readonly (T | null)[]>>

export interface RunComparison {
  readonly runs: readonly Pick<Run, 'id' | 'kind' | 'name' | 'status'>[]
  readonly params: Compared<JsonValue>
  readonly metrics: Compared<number>
  /** References by role and name (`rows dataset:flights`), with the digest of what has no version. */
  readonly inputs: Compared<string>
  /** Outputs by role, and the sizes of files that a client logged by their path. */
  readonly artifacts: Compared<string>
}

/** A run with the files that a client logged to it. */
export interface ComparedRun {
  readonly run: Run
  readonly files: Readonly<Record<string, string>>
}

export function compareRuns(all: readonly ComparedRun[]): RunComparison {
  const runs = all.map(({ run }) => run)
  return {
    runs: runs.map(({ id, kind, name, status }) => ({ id, kind, name, status })),
    params: beside(runs.map(({ params }) => params)),
    metrics: beside(runs.map(({ metrics }) => metrics)),
    inputs: beside(runs.map(({ inputs }) => byRole(inputs, inputName))),
    artifacts: beside(
      all.map(({ run, files }) => ({ ...byRole(run.outputs, ({ role }) => role), ...files })),
    ),
  }
}

/**
 * A paragraph a kind; `≠` stands before what is not the same in all runs. Which run made an input is no difference: what
 * it made is an input of its own, or a parameter.
 */
export function comparisonTable({ runs, ...kinds }: RunComparison): string {
  const headings = runs.map(({ id }) => id)
  const about = (['kind', 'name', 'status'] as const).map((fact) => [
    '',
    fact,
    ...runs.map((run) => run[fact]),
  ])
  const paragraphs = Object.entries(kinds).flatMap(([kind, all]) => {
    const rows = Object.entries(all).map(([key, values]) => {
      const texts = values.map(text)
      const compared = kind === 'inputs' ? texts.map(withoutMaker) : texts
      return [new Set(compared).size > 1 ? '≠' : '', key, ...texts]
    })
    return rows.length === 0 ? [] : [table(['', kind, ...headings], rows)]
  })
  return [table(['', 'run', ...headings], about), ...paragraphs].join('\n\n')
}

function beside<T>(records: readonly Readonly<Record<string, T>>[]): Compared<T> {
  const keys = [...new Set(records.flatMap((record) => Object.keys(record)))].toSorted()
  return Object.fromEntries(
    keys.map((key) => [
      key,
      records.map((record) => (Object.hasOwn(record, key) ? (record[key] ?? null) : null)),
    ]),
  )
}

/** `rows dataset:flights` of `dataset:flights@3`: versions of one thing stand beside each other. */
function inputName({ role, ref }: RunRef): string {
  if (ref.startsWith('file:')) return `${role} ${ref}`
  return ref.includes('@') ? `${role} ${ref.replace(/@[^@]*$/, '')}` : role
}

/** A file of this machine has no version: its digest says which bytes they were. */
function refText({ ref, digest }: RunRef): string {
  return ref.startsWith('file:') && digest !== undefined ? `${ref} ${digest}` : ref
}

function withoutMaker(refs: string): string {
  return refs.replaceAll(/\brun:[^, ]+/g, 'run:')
}

/** Refs that share a name are told together. */
function byRole(
  refs: readonly RunRef[],
  nameOf: (ref: RunRef) => string,
): Readonly<Record<string, string>> {
  const found = new Map<string, string>()
  for (const ref of refs) {
    const name = nameOf(ref)
    const known = found.get(name)
    found.set(name, known === undefined ? refText(ref) : `${known}, ${refText(ref)}`)
  }
  return Object.fromEntries(found)
}

function text(value: JsonValue): string {
  if (value === null) return '–'
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
