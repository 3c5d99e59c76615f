import type { ModelVersion } from '@gyre/sdk/wire/model'
import { formatRef } from '../core/ref.ts'

/** A version as numbers: what its row is found by. */
export interface VersionKey {
  readonly name: string
  readonly version: number
}

/** `model:churn@7`. */
export function modelRef({ name, version }: VersionKey): string {
  return formatRef({ kind: 'model', name, version: String(version) })
}

/** The subject of an event about a version: `churn@7`. */
export function modelSubject(key: VersionKey) {
  return { kind: 'model', id: modelRef(key).slice('model:'.length) }
}

export function keyOf({ name, version }: ModelVersion): VersionKey {
  return { name, version: Number(version) }
}

/** `churn@7` as a word of a command line; in quotes where a shell would cut it. */
export function commandWord({ name, version }: ModelVersion): string {
  const word = `${name}@${version}`
  return /^[\w.@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
