import type { Digest } from '../../core/digest.ts'
import { GyreError } from '../../core/errors.ts'

/** A request with everything that it takes to start it. */
export interface Job {
  /** Kind and name of its run. */
  readonly kind: 'script' | 'notebook' | 'project'
  readonly name: string
  readonly program: readonly [string, ...string[]]
  /** Where it runs. */
  readonly folder: string
  /** Where its code lies, outside of a git repository; in one, the whole repository is code. */
  readonly codeFolder: string
  /** Variables of its own. */
  readonly variables: Readonly<Record<string, string>>
  readonly params: Readonly<Record<string, string>>
  /** Of what is executed. */
  readonly digest: Digest
  readonly lockfileDigest: Digest | undefined
  /** Versions of what executes it. */
  readonly facts: Readonly<Record<string, string>>
  /** Files to keep with the run, by their paths there; those that are not there at the end are left out. */
  readonly keeps: ReadonlyMap<string, string>
}

export function refused(field: string, message: string): GyreError {
  return new GyreError('INVALID_ARGUMENT', `${field}: ${message}`, { field })
}
