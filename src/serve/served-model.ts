import { parseRef } from '../core/ref.ts'
import type { RoutedEndpoint } from '../routes/snapshot.ts'
import type { Arms } from './arms.ts'

/** An endpoint that takes tensors, as its clients see it. */
export interface ServedModel {
  readonly name: string
  /** That traffic may reach, the stable one first. */
  readonly versions: readonly string[]
  readonly state: 'READY' | 'LOADING' | 'UNAVAILABLE'
  /** Why it cannot be asked; empty while it can. */
  readonly reason: string
}

/** How an endpoint fares by its stable arm. */
export function servedModel(endpoint: RoutedEndpoint, arms: Arms): ServedModel {
  const { name, state } = endpoint
  const refs = [state.stable, state.canary?.model ?? null].filter((ref) => ref !== null)
  const versions = refs.flatMap((ref) => parseRef(ref).version ?? [])
  if (state.stable === null)
    return { name, versions, state: 'UNAVAILABLE', reason: 'nothing is released' }
  const { failed, isLoaded } = arms.look(endpoint, state.stable)
  if (failed !== undefined) return { name, versions, state: 'UNAVAILABLE', reason: failed }
  return { name, versions, state: isLoaded ? 'READY' : 'LOADING', reason: '' }
}
