import type { Stage } from '@gyre/sdk/wire/stage'
import type { Context } from '../core/context.ts'
import type { Tx } from '../store/catalog.ts'

/** Somebody who is named to approve. */
export interface Approver {
  readonly actor: string
  /** What bore the name before is somebody else's. */
  readonly since: string
}

/** What the project's code asks of a model before it is promoted. */
export interface ModelPolicy {
  /** Promotion asks for a passing verdict and for approvals; false for a model that the code does not speak of. */
  readonly gated: boolean
  /** Different approvers that a promotion needs. */
  readonly approvals: number
  /** Whose approvals count; null for everybody's who may approve. */
  readonly among: readonly Approver[] | null
  /** Nobody's approval of a version of their own counts. */
  readonly fourEyes: boolean
  /** Moves between stages that no door makes. */
  readonly forbids: readonly { readonly from: Stage; readonly to: Stage }[]
}

/** The policy for a model, as in force in the unit that acts on it. */
export type FindPolicy = (tx: Tx, ctx: Context, name: string) => Promise<ModelPolicy>
