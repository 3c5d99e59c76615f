import { parseRef } from '../core/ref.ts'
import type { Statistics } from '../infer/statistics.ts'
import { pinned } from '../routes/pinned.ts'
import type { RoutedEndpoint } from '../routes/snapshot.ts'
import type { Arms } from './arms.ts'

/** An endpoint, as clients of the Open Inference Protocol see it. */
export interface ServedModel {
  readonly name: string
  /** That traffic may reach, the stable one first. */
  readonly versions: readonly string[]
  readonly state: 'READY' | 'LOADING' | 'UNAVAILABLE'
  /** Why it cannot be asked; empty while it can. */
  readonly reason: string
}

/** What a version that answers for an endpoint has done since it was loaded. */
export interface VersionStatistics {
  readonly name: string
  readonly version: string
  readonly statistics: Statistics
}

/**
 * Those versions of an endpoint that are loaded, the stable one first, or only `version`. A model that answers for
 * several endpoints is counted once. Throws NOT_FOUND for a version that traffic does not reach.
 */
export function versionStatistics(
  endpoint: RoutedEndpoint,
  arms: Arms,
  version?: string,
): readonly VersionStatistics[] {
  const { name } = endpoint
  const refs = version === undefined ? answering(endpoint) : [pinned(endpoint, version).model]
  return refs.flatMap((ref) => {
    const statistics = arms.find(endpoint, ref)?.statistics()
    return statistics ? [{ name, version: parseRef(ref).version ?? '', statistics }] : []
  })
}

/** The versions that may answer: by the split, and for who asks by number. */
function answering({ spec, state }: RoutedEndpoint): readonly string[] {
  const refs = [state.stable, state.canary?.model ?? null, ...(spec.named ?? [])]
  return [...new Set(refs.filter((ref) => ref !== null))]
}

/** How an endpoint fares by its stable arm. */
export function servedModel(endpoint: RoutedEndpoint, arms: Arms): ServedModel {
  const { name, state } = endpoint
  const versions = answering(endpoint).flatMap((ref) => parseRef(ref).version ?? [])
  if (state.stable === null)
    return { name, versions, state: 'UNAVAILABLE', reason: 'nothing is released' }
  const { failed, isLoaded } = arms.look(endpoint, state.stable)
  if (failed !== undefined) return { name, versions, state: 'UNAVAILABLE', reason: failed }
  return { name, versions, state: isLoaded ? 'READY' : 'LOADING', reason: '' }
}
