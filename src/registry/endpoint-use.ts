import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import { parseRef } from '../core/ref.ts'
import type { Tx } from '../store/catalog.ts'

/** An endpoint that answers with versions of a model. */
export interface EndpointUse {
  readonly endpoint: string
  /** The model it is declared for. */
  readonly model: string
  /** The versions its route names: stable, canary, and the one that a rollback would go back to. */
  readonly versions: readonly string[]
}

/** Every endpoint of the project, as in force in the unit that asks. */
export type FindEndpoints = (tx: Tx, ctx: Context) => Promise<readonly EndpointUse[]>

/** True where an endpoint is declared for the model, or its route names a version of it. */
export function isBehindEndpoint(uses: readonly EndpointUse[], model: string): boolean {
  return uses.some((use) => use.model === model || namesModel(use, model))
}

/** Throws CONFLICT naming the endpoint whose route names a version of the model. */
export function assertModelUnrouted(uses: readonly EndpointUse[], model: string): void {
  const use = uses.find((one) => namesModel(one, model))
  if (use) throw routed(use, model)
}

/** Throws CONFLICT naming the endpoint whose route names the version. */
export function assertVersionUnrouted(uses: readonly EndpointUse[], ref: string): void {
  const use = uses.find(({ versions }) => versions.includes(ref))
  if (use) throw routed(use, ref)
}

function namesModel({ versions }: EndpointUse, model: string): boolean {
  return versions.some((ref) => parseRef(ref).name === model)
}

function routed({ endpoint, versions }: EndpointUse, what: string): GyreError {
  return new GyreError(
    'CONFLICT',
    `${what} is in use: the route of ${endpoint} names ${versions.join(', ')}`,
    { endpoint, versions },
  )
}
