import { GyreError } from '../core/errors.ts'
import { assertKey, cutOff } from '../core/label-key.ts'

/** Tags by which a server tells a client where the parts of a trace are: the server alone sets them. */
export const SPANS_TAG = 'mlflow.trace.spansLocation'
export const ARTIFACTS_TAG = 'mlflow.artifactLocation'

/** Its spans are in the catalog, not in a file that the client put among its artifacts. */
export const IN_STORE = 'TRACKING_STORE'

export const NAME_TAG = 'mlflow.traceName'
export const SESSION_KEY = 'mlflow.trace.session'
export const USER_KEY = 'mlflow.trace.user'
export const RUN_KEY = 'mlflow.sourceRun'
/** JSON; says how many spans there are. */
export const SIZE_KEY = 'mlflow.trace.sizeStats'
/** What MLflow's server adds to a trace that its client has told of as a whole. */
export const TOLD_KEY = 'mlflow.trace.infoFinalized'

/** What MLflow 3.17 tells of a longer one, in characters. */
const [MAX_KEY, MAX_TAG, MAX_METADATA] = [250, 4_096, 250] as const

const RESERVED: ReadonlySet<string> = new Set([
  SPANS_TAG,
  ARTIFACTS_TAG,
  'mlflow.trace.archiveLocation',
  'mlflow.trace.archivalFailure',
])

export function isReserved(key: string): boolean {
  return RESERVED.has(key)
}

/** Throws INVALID_ARGUMENT for a tag that nobody may set or take away by hand. */
export function assertFree(key: string): void {
  if (isReserved(key))
    throw new GyreError('INVALID_ARGUMENT', `key: the tag ${key} of a trace is the server's`, {
      field: 'key',
    })
}

/** Throws INVALID_ARGUMENT. */
export function assertTagKey(key: string): void {
  assertFree(key)
  assertKey(key, 'key')
}

export function keptTag(key: string, value: string): readonly [key: string, value: string] {
  return [cutOff(key, MAX_KEY), cutOff(value, MAX_TAG)]
}

export function keptMetadata(key: string, value: string): readonly [key: string, value: string] {
  return [cutOff(key, MAX_KEY), cutOff(value, MAX_METADATA)]
}
