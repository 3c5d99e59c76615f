import type { Grant } from './scope.ts'

/** Who stands behind a request. */
export interface Caller {
  readonly project: string
  readonly actor: string
  readonly grant: Grant
}
