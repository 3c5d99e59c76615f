import { GyreError } from '../core/errors.ts'
import { parseRef } from '../core/ref.ts'
import type { Picked } from './pick.ts'
import type { RoutedEndpoint } from './snapshot.ts'

/** A version that the caller named, whatever the split says: no evidence. Throws NOT_FOUND unless traffic may reach it. */
export function pinned({ spec, state }: RoutedEndpoint, version: string): Picked {
  const { endpoint, rev, stable, canary } = state
  const facts = {
    rev,
    releaseId: canary?.releaseId ?? null,
    slowMs: canary?.slowMs,
    sticky: false,
    randomised: false,
  }
  const weightBp = canary?.weightBp ?? 0
  if (stable !== null && isVersion(stable, version))
    return { model: stable, variant: 'stable', weightBp, ...facts }
  if (canary && isVersion(canary.model, version))
    return { model: canary.model, variant: 'canary', weightBp, ...facts }
  const named = spec.named?.find((ref) => isVersion(ref, version))
  if (named !== undefined) return { model: named, variant: 'stable', weightBp, ...facts }
  const refs = new Set([stable, canary?.model, ...(spec.named ?? [])])
  const served = [...refs].flatMap((ref) => (ref ? (parseRef(ref).version ?? []) : []))
  throw new GyreError(
    'NOT_FOUND',
    `version: ${endpoint} does not serve version ${version}; it serves ${served.join(', ') || 'none'}`,
    { field: 'version', endpoint, served },
  )
}

function isVersion(ref: string, version: string): boolean {
  return parseRef(ref).version === version
}
