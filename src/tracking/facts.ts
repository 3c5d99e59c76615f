import type { JsonValue } from '@gyre/sdk/wire/ref'
import type { Run, RunChange, RunDifference } from '@gyre/sdk/wire/run'
import { groupBy } from '../core/group.ts'

/** What a run was made from and made, as text by name. */
export type Facts = Readonly<Record<keyof RunDifference, ReadonlyMap<string, string>>>

const NOTHING: Facts = {
  inputs: new Map(),
  code: new Map(),
  environment: new Map(),
  metrics: new Map(),
}

/** What differs, of a step or (null) of the run as a whole; what is absent on a side is null there. */
export function differences(
  step: string | null,
  before: Facts = NOTHING,
  now: Facts = NOTHING,
): RunDifference {
  const changes = (kind: keyof Facts): RunChange[] =>
    [...new Set([...before[kind].keys(), ...now[kind].keys()])]
      .map((what) => ({
        step,
        what,
        before: before[kind].get(what) ?? null,
        now: now[kind].get(what) ?? null,
      }))
      .filter((change) => change.before !== change.now)
  return {
    inputs: changes('inputs'),
    code: changes('code'),
    environment: changes('environment'),
    metrics: changes('metrics'),
  }
}

/** The leaves of a value by their dotted paths. */
export function flat(
  value: JsonValue | Readonly<Record<string, JsonValue>>,
  path = '',
): Map<string, string> {
  if (typeof value !== 'object' || value === null)
    return new Map([[path, typeof value === 'number' ? numberText(value) : String(value)]])
  return new Map(
    Object.entries(value).flatMap(([key, inner]) => [
      ...flat(inner, path === '' ? key : `${path}.${key}`),
    ]),
  )
}

/** Different doubles give different texts, −0 and 0 too. */
export function numberText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

/** Where code came from, and each of its files that is known by itself. */
export function codeFacts(code: Run['code']): Map<string, string> {
  const { command: _command, files = {}, written: _written, ...rest } = code ?? {}
  return new Map([...flat(rest), ...Object.entries(files)])
}

/** Versions of what a run read, by the part they played and their name; what it made by itself is none. */
export function inputFacts({ inputs }: Run): Map<string, string> {
  const read = inputs.filter(
    ({ ref, role }) => !/^(run|artifact):/.test(ref) && role !== 'code' && role !== 'pipeline',
  )
  const byName = groupBy(read, ({ role, ref }) => `${role} ${nameOf(ref)}`.trim())
  return new Map(
    [...byName].map(([name, all]) => [
      name,
      all
        .map(({ ref, digest }) => `${ref} ${digest ?? ''}`.trimEnd())
        .toSorted()
        .join(', '),
    ]),
  )
}

/** `dataset:flights@3` is `dataset:flights`, whichever version it is. */
function nameOf(ref: string): string {
  return ref.startsWith('file:') ? ref : ref.replace(/@[^@]*$/, '')
}
