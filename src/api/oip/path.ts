import { GyreError } from '../../core/errors.ts'

/** What is asked of a model. */
export type ModelVerb = 'metadata' | 'ready' | 'infer' | 'config' | 'stats'

/** A path under `/v2`, taken apart. */
export type OipPath =
  | { readonly kind: 'server' | 'live' | 'ready' | 'index' | 'stats' }
  | {
      readonly kind: 'model'
      readonly verb: ModelVerb
      readonly model: string
      /** Undefined where the path names none. */
      readonly version: string | undefined
    }

const FIXED: ReadonlyMap<string, OipPath> = new Map([
  ['/v2', { kind: 'server' }],
  ['/v2/', { kind: 'server' }],
  ['/v2/health/live', { kind: 'live' }],
  ['/v2/health/ready', { kind: 'ready' }],
  ['/v2/repository/index', { kind: 'index' }],
  ['/v2/models/stats', { kind: 'stats' }],
])

const MODEL = /^\/v2\/models\/([^/]+)(?:\/versions\/([^/]+))?(?:\/(ready|infer|config|stats))?$/

/** Throws NOT_FOUND for a path that the protocol does not have, or that is not served. */
export function parsePath(path: string): OipPath {
  const fixed = FIXED.get(path)
  if (fixed) return fixed
  const [, model, version, verb = 'metadata'] = MODEL.exec(path) ?? []
  if (model === undefined || !isVerb(verb))
    throw new GyreError('NOT_FOUND', `${path}: no such path of the Open Inference Protocol here`)
  return {
    kind: 'model',
    verb,
    model: decode(model),
    version: version === undefined ? undefined : decode(version),
  }
}

function isVerb(verb: string): verb is ModelVerb {
  return ['metadata', 'ready', 'infer', 'config', 'stats'].includes(verb)
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (cause) {
    throw new GyreError('NOT_FOUND', `${text} is no name`, {}, cause)
  }
}
