import type { Clock } from '../core/clock.ts'
import { GyreError, toGyreError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import type { RoutedEndpoint } from '../routes/snapshot.ts'
import type { FieldsArm } from './arm.ts'
import type { TensorArm } from './tensor-arm.ts'

/** A model that would not load is tried again after this, not by every request that asks for it. */
const RETRY_MS = 1_000

/** As Triton says it of a model that was unloaded. */
const UNLOADED = 'unloaded'

/** One model version, loaded for one endpoint. */
export type Arm = FieldsArm | TensorArm

export interface ArmsDeps {
  /** Loads `model` and fits it to the endpoint. */
  readonly open: (endpoint: RoutedEndpoint, model: string) => Promise<Arm>
  /** The versions of an endpoint that are to be loaded: `primaryModels` or `shadowModels`. */
  readonly modelsOf: (endpoint: RoutedEndpoint) => readonly string[]
  readonly clock: Clock
  readonly log: Log
}

interface Held {
  /** The declaration it was fitted to, as text. */
  readonly spec: string
  readonly loading: Promise<Arm>
  arm: Arm | undefined
  failedAtMs: number | undefined
  /** Why it would not load. */
  refusal: string | undefined
}

/** The arms that answer, or may have to within a second: those of every route, and those just warmed. */
export interface Arms {
  /** The arm, if it is loaded. */
  find(endpoint: RoutedEndpoint, model: string): Arm | undefined
  /** How a model fares that may be loaded, without loading it. */
  look(
    endpoint: RoutedEndpoint,
    model: string,
  ): { readonly isLoaded: boolean; readonly failed: string | undefined }
  /** The arm, once loaded; asked for often, loaded once. Throws UNAVAILABLE when it would not load. */
  load(endpoint: RoutedEndpoint, model: string): Promise<Arm>
  /** Loads what the routes name and closes what they name no more; resolves when all is loaded or has failed. */
  follow(endpoints: readonly RoutedEndpoint[]): Promise<void>
  /** Keeps an arm that is not routed yet, until a route names it or another is warmed for the endpoint. */
  warm(endpoint: RoutedEndpoint, model: string): Promise<void>
  /** Gives an endpoint's models back and loads none until `rouse`. */
  rest(endpoint: RoutedEndpoint): void
  rouse(endpoint: RoutedEndpoint): void
  /** Gives every model back; what is still loading is waited for, since a load cannot be broken off. */
  close(): Promise<void>
}

export function createArms({ open, modelsOf, clock, log }: ArmsDeps): Arms {
  const held = new Map<string, Held>()
  const warmed = new Map<string, string>()
  const resting = new Set<string>()
  const specTexts = new WeakMap<object, string>()

  /** What an arm is fitted to: not which versions there are besides. */
  function specText({ spec }: RoutedEndpoint): string {
    const text = specTexts.get(spec) ?? JSON.stringify({ ...spec, named: undefined })
    specTexts.set(spec, text)
    return text
  }

  function start(endpoint: RoutedEndpoint, model: string): Held {
    const entry: Held = {
      spec: specText(endpoint),
      loading: open(endpoint, model),
      arm: undefined,
      failedAtMs: undefined,
      refusal: undefined,
    }
    entry.loading.then(
      (arm) => (entry.arm = arm),
      (error: unknown) => {
        entry.failedAtMs = clock.monotonicMs()
        entry.refusal = toGyreError(error).message
        log.error({ err: error, endpoint: endpoint.name, model }, 'a model would not load')
      },
    )
    return entry
  }

  function hold(endpoint: RoutedEndpoint, model: string): Held {
    const key = armKey(endpoint, model)
    const existing = held.get(key)
    if (existing && !isStale(existing, endpoint)) return existing
    const entry = start(endpoint, model)
    held.set(key, entry)
    if (existing) void discard(existing)
    return entry
  }

  function isStale({ failedAtMs, spec }: Held, endpoint: RoutedEndpoint): boolean {
    if (failedAtMs !== undefined) return clock.monotonicMs() - failedAtMs > RETRY_MS
    return spec !== specText(endpoint)
  }

  async function load(endpoint: RoutedEndpoint, model: string): Promise<Arm> {
    if (resting.has(endpointKey(endpoint)))
      throw new GyreError('UNAVAILABLE', `${endpoint.name}: ${UNLOADED}`)
    try {
      return await hold(endpoint, model).loading
    } catch (error) {
      const { message } = toGyreError(error)
      throw new GyreError('UNAVAILABLE', `${model} would not load: ${message}`, { model }, error)
    }
  }

  function routedModels(endpoint: RoutedEndpoint): readonly string[] {
    return resting.has(endpointKey(endpoint)) ? [] : modelsOf(endpoint)
  }

  function wantedKeys(endpoints: readonly RoutedEndpoint[]): Set<string> {
    const wanted = new Set<string>()
    for (const endpoint of endpoints) {
      const routed = routedModels(endpoint)
      const at = endpointKey(endpoint)
      const warm = warmed.get(at)
      if (warm !== undefined && routed.includes(warm)) warmed.delete(at)
      else if (warm !== undefined) wanted.add(armKey(endpoint, warm))
      for (const model of routed) wanted.add(armKey(endpoint, model))
    }
    return wanted
  }

  return {
    load,
    find(endpoint, model) {
      const entry = held.get(armKey(endpoint, model))
      return entry?.spec === specText(endpoint) ? entry.arm : undefined
    },

    look(endpoint, model) {
      const entry = held.get(armKey(endpoint, model))
      if (resting.has(endpointKey(endpoint))) return { isLoaded: false, failed: UNLOADED }
      return { isLoaded: entry?.arm !== undefined, failed: entry?.arm?.failed ?? entry?.refusal }
    },

    async follow(endpoints) {
      const wanted = wantedKeys(endpoints)
      const loading = endpoints.flatMap((endpoint) =>
        routedModels(endpoint).map((model) => hold(endpoint, model).loading),
      )
      for (const [key, entry] of held)
        if (!wanted.has(key)) {
          held.delete(key)
          void discard(entry)
        }
      await Promise.allSettled(loading)
    },

    async warm(endpoint, model) {
      warmed.set(endpointKey(endpoint), model)
      await load(endpoint, model)
    },

    rest: (endpoint) => void resting.add(endpointKey(endpoint)),
    rouse: (endpoint) => void resting.delete(endpointKey(endpoint)),

    async close() {
      const entries = [...held.values()]
      held.clear()
      await Promise.all(entries.map(discard))
    },
  }
}

/** Closes the arm, once loaded; one that never opened has told whoever asked for it. */
async function discard({ loading }: Held): Promise<void> {
  const [loaded] = await Promise.allSettled([loading])
  if (loaded.status === 'fulfilled') loaded.value.close()
}

/** Everything a route may send traffic to now or after a roll-back, and who may be asked for by number. */
export function primaryModels({ spec, state }: RoutedEndpoint): readonly string[] {
  const models = [state.stable, state.previous, state.canary?.model ?? null, ...(spec.named ?? [])]
  return [...new Set(models.filter((model) => model !== null))]
}

/** What answers after the reply, for nobody to see. */
export function shadowModels({ state }: RoutedEndpoint): readonly string[] {
  return state.shadow ? [state.shadow.model] : []
}

function endpointKey({ project, name }: RoutedEndpoint): string {
  return `${project}/${name}`
}

function armKey(endpoint: RoutedEndpoint, model: string): string {
  return `${endpointKey(endpoint)}/${model}`
}
