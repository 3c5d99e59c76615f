import type { ImportOutcome, ImportRun } from '@gyre/sdk/wire/import'
import { GyreError } from './errors.ts'

type Label = ImportRun['tags'][number]

/** In characters: what other trackers keep is longer than what MLflow takes. */
const [MAX_KEY, MAX_VALUE] = [250, 100_000]

/** What is wrong with a label, if anything. */
export function labelFault({ key, value }: Label): string | undefined {
  if (key === '') return 'it has no name'
  if (key.length > MAX_KEY) return `its name has more than ${MAX_KEY} characters`
  if (value.length > MAX_VALUE) return `it has more than ${MAX_VALUE} characters`
  for (const text of [key, value]) {
    if (text.includes('\0')) return 'it holds a NUL character'
    if (!text.isWellFormed()) return 'it is no well-formed Unicode'
  }
  return undefined
}

export interface JudgedLabels {
  /** What is not here yet. */
  readonly fresh: readonly Label[]
  /** One for each label that was given. */
  readonly outcomes: readonly ImportOutcome[]
}

/** Compares labels with those that are here: one that is here has to say the same. */
export function judgeLabels(
  given: readonly Label[],
  here: ReadonlyMap<string, string>,
): JudgedLabels {
  const known = new Map(here)
  const fresh: Label[] = []
  const outcomes = given.map((label): ImportOutcome => {
    const fault = labelFault(label)
    if (fault !== undefined) return { refused: fault }
    const value = known.get(label.key)
    if (value === label.value) return 'there'
    if (value !== undefined) return { refused: `it is ${brief(value)} here` }
    known.set(label.key, label.value)
    fresh.push(label)
    return 'imported'
  })
  return { fresh, outcomes }
}

/** The refusal that an error stands for; what is no refusal is thrown again. */
export function refusalOf(thrown: unknown): { readonly refused: string } {
  if (thrown instanceof GyreError && REFUSALS.has(thrown.code)) return { refused: thrown.message }
  throw thrown
}

const REFUSALS: ReadonlySet<string> = new Set([
  'INVALID_ARGUMENT',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'CONFLICT',
  'APPROVAL_MISSING',
  'GATE_REFUSED',
])

/** A value as a message shows it. */
export function brief(value: string): string {
  return JSON.stringify(value.length <= 40 ? value : `${value.slice(0, 40)}…`)
}
