import { setImmediate as afterReply } from 'node:timers/promises'
import type { EndpointSpec } from '@gyre/sdk/wire/endpoint'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import type { Log } from '../core/log.ts'
import type { Infer } from '../infer/infer.ts'
import { BACKGROUND_PRIORITY } from '../infer/schedule.ts'
import { eventTimeMs } from '../predictions/event-time.ts'
import type { Predictions } from '../predictions/predictions.ts'
import type { AskedArm, Picked } from '../routes/pick.ts'
import { pinned } from '../routes/pinned.ts'
import type { Routes } from '../routes/routes.ts'
import type { RoutedEndpoint } from '../routes/snapshot.ts'
import { armOpener, createContracts, type OpenArmDeps } from './open-arm.ts'
import { createArms, primaryModels, shadowModels, type Arm } from './arms.ts'
import { endpointNamer } from './default-endpoint.ts'
import { fieldsGraph } from './field-tensors.ts'
import type { Flight } from './flight.ts'
import { createFlights, type Answered, type AnsweredTensors } from './flights.ts'
import { heldArm, type HeldArm } from './held-arm.ts'
import { createLandings } from './landings.ts'
import type { Outcome } from './outcome.ts'
import { subjectOf, type Ask, type TensorRequest } from './request.ts'
import {
  servedModel,
  versionStatistics,
  type ServedModel,
  type VersionStatistics,
} from './served-model.ts'
import { createShadow, type ShadowLanding } from './shadow.ts'
import type { DescribedArm } from './tensor-arm.ts'

export interface ServeDeps extends OpenArmDeps {
  readonly routes: Routes
  readonly infer: Infer
  /** Workers of their own for shadows: what those do to them costs the others nothing. */
  readonly shadowInfer: Infer
  readonly predictions: Pick<Predictions, 'newId' | 'log'>
  readonly clock: Clock
  readonly log: Log
  /** Told of every answered request, after its reply; must not throw. */
  readonly onOutcome: (outcome: Outcome) => void
  /** Told of what shadows answered; must not throw. */
  onShadow(landing: ShadowLanding): void
  /** Answers `POST /predict`; a project's only endpoint when undefined. */
  readonly defaultEndpoint?: string
}

/** Answers requests by the version that the route names. */
export interface Serve {
  /**
   * `endpoint` undefined means the default one. Throws NOT_FOUND, INVALID_INPUT naming the field, OVERLOADED,
   * UNAVAILABLE (nothing released, or it would not load) and MODEL_FAILED; an error of the model's own is
   * logged as a prediction and carries `variant`, `model_version` and `route_rev` in its details.
   */
  predict(ctx: Context, endpoint: string | undefined, ask: Ask, asked: AskedArm): Promise<Answered>
  /**
   * Asks an endpoint by the tensors of its model, or by one tensor for each of its fields. Throws as `predict` does; INVALID_INPUT names the tensor, and
   * NOT_FOUND a version that the route does not name.
   */
  infer(
    ctx: Context,
    endpoint: string,
    request: TensorRequest,
    asked: AskedArm,
  ): Promise<AnsweredTensors>
  /**
   * What a version of an endpoint takes and gives as tensors, the stable one unless told; one of fields a tensor a field.
   * Throws NOT_FOUND, UNAVAILABLE.
   */
  tensorArm(ctx: Context, endpoint: string, version?: string): Promise<DescribedArm>
  /** The endpoints, by name. */
  models(ctx: Context): readonly ServedModel[]
  /**
   * What the loaded versions of one of them have done, or of all where `endpoint` is undefined. Throws NOT_FOUND for an
   * endpoint or a version that is not served.
   */
  statistics(ctx: Context, endpoint?: string, version?: string): readonly VersionStatistics[]
  /** Whether an endpoint takes NaN and infinities for numbers. Throws NOT_FOUND. */
  allowsNonfinite(ctx: Context, endpoint: string): boolean
  /** Loads a version where it will answer, before it is asked. Throws UNAVAILABLE when it would not load. */
  ensure(ctx: Context, endpoint: string, model: string, as?: 'primary' | 'shadow'): Promise<void>
  /**
   * A version of a model fitted to an endpoint as it was declared, kept loaded until it is closed, whatever the routes say
   * meanwhile. Its answers are those of `predict`; they wait behind requests, are not logged and count for no release.
   * Throws NOT_FOUND, CONFLICT (the model reads other fields), UNAVAILABLE.
   */
  hold(ctx: Context, spec: EndpointSpec, model: string): Promise<HeldArm>
  /** Gives the models of an endpoint back; it answers UNAVAILABLE until `load`, or a restart. Throws NOT_FOUND. */
  unload(ctx: Context, endpoint: string): Promise<void>
  /** Loads what an endpoint answers with, if it was unloaded. Throws NOT_FOUND, UNAVAILABLE. */
  load(ctx: Context, endpoint: string): Promise<void>
  /** Resolves when every routed version is loaded, or has refused to. */
  ready(): Promise<void>
  /** Answers what is under way; then gives the models back. */
  close(): Promise<void>
}

export function createServe(deps: ServeDeps): Serve {
  const { routes, infer, predictions, clock, log } = deps
  const contractOf = createContracts()
  const nameOf = endpointNamer(routes, deps.defaultEndpoint)
  const arms = createArms({
    open: armOpener(deps, infer, contractOf),
    modelsOf: primaryModels,
    clock,
    log,
  })
  const shadowArms = createArms({
    open: armOpener(deps, deps.shadowInfer, contractOf),
    modelsOf: shadowModels,
    clock,
    log,
  })
  const openHeld = armOpener(deps, infer, contractOf, BACKGROUND_PRIORITY)
  const flying = new Set<Promise<unknown>>()
  const shadow = createShadow({
    arms: shadowArms,
    flying,
    clock,
    onLanding: (landing) => deps.onShadow(landing),
  })
  const stopping = new AbortController()
  const { fly, flyTensors, flyFields } = createFlights({
    contractOf,
    armOf,
    ...createLandings({
      ...deps,
      offer: shadow.offer,
      crashLoopOf: ({ endpoint, picked }) => arms.find(endpoint, picked.model)?.failed,
    }),
  })
  const firstLoad = arms.follow(routes.all())
  void shadowArms.follow(routes.all())
  void followRoutes()

  async function followRoutes(): Promise<void> {
    while (!stopping.signal.aborted) {
      await routes.changed()
      if (stopping.signal.aborted) return
      void arms.follow(routes.all())
      void shadowArms.follow(routes.all())
    }
  }

  async function armOf(endpoint: RoutedEndpoint, model: string): Promise<Arm> {
    return arms.find(endpoint, model) ?? (await arms.load(endpoint, model))
  }

  /** Counted among what is under way until it is answered. */
  async function whileFlying<T>(flight: Promise<T>): Promise<T> {
    flying.add(flight)
    try {
      return await flight
    } finally {
      flying.delete(flight)
    }
  }

  function takeOff(
    endpoint: RoutedEndpoint,
    picked: Picked,
    { subject, at, fields }: Pick<Flight, 'subject' | 'fields'> & Pick<Ask, 'at'>,
  ): Flight {
    const receivedMs = clock.now().getTime()
    return {
      endpoint,
      picked,
      subject,
      fields,
      id: predictions.newId(endpoint.project, endpoint.name),
      receivedMs,
      atMs: at === undefined ? undefined : eventTimeMs(at, 'at', receivedMs),
      startedMs: clock.monotonicMs(),
    }
  }

  return {
    async predict(ctx, endpointName, ask, asked) {
      const { at, input: fields } = ask
      const endpoint = routes.find(ctx.project, nameOf(ctx.project, endpointName))
      const subject = subjectOf(endpoint.spec, ask)
      const picked = routes.pick(ctx.project, endpoint.name, { subject, asked })
      const flight = takeOff(endpoint, picked, { subject, at, fields })
      return whileFlying(fly(flight, ask))
    },

    async infer(ctx, name, request, asked) {
      const { at, version } = request
      const endpoint = routes.find(ctx.project, name)
      const subject = subjectOf(endpoint.spec, { ...request, input: undefined })
      const picked =
        version === undefined
          ? routes.pick(ctx.project, name, { subject, asked })
          : pinned(endpoint, version)
      if (endpoint.spec.takes === 'tensors') {
        const flight = takeOff(endpoint, picked, { subject, at, fields: undefined })
        return whileFlying(flyTensors(flight, request))
      }
      // One request is one draw of the split, so that no more than one of its rows is evidence.
      const others = { ...picked, randomised: false }
      return whileFlying(
        flyFields(endpoint, request, (fields, row) =>
          takeOff(endpoint, row === 0 ? picked : others, { subject, at, fields }),
        ),
      )
    },

    models: (ctx) => routes.list(ctx.project).map((endpoint) => servedModel(endpoint, arms)),

    statistics(ctx, name, version) {
      const endpoints =
        name === undefined ? routes.list(ctx.project) : [routes.find(ctx.project, name)]
      return endpoints.flatMap((endpoint) => versionStatistics(endpoint, arms, version))
    },

    async tensorArm(ctx, name, version) {
      const endpoint = routes.find(ctx.project, name)
      const { model } =
        version === undefined
          ? routes.pick(ctx.project, name, { subject: undefined, asked: 'stable' })
          : pinned(endpoint, version)
      const arm = await armOf(endpoint, model)
      if (arm.takes === 'tensors') return arm
      return { graph: fieldsGraph(endpoint.spec), failed: arm.failed }
    },

    allowsNonfinite: (ctx, name) => routes.find(ctx.project, name).spec.allowNonfinite ?? false,

    ensure: (ctx, endpoint, model, as = 'primary') =>
      (as === 'shadow' ? shadowArms : arms).warm(routes.find(ctx.project, endpoint), model),

    async hold({ project }, spec, model) {
      const arm = await openHeld({ project, spec }, model)
      return heldArm({ spec, contract: contractOf(spec), model }, arm)
    },
    async unload(ctx, name) {
      arms.rest(routes.find(ctx.project, name))
      await arms.follow(routes.all())
    },

    async load(ctx, name) {
      const endpoint = routes.find(ctx.project, name)
      arms.rouse(endpoint)
      await arms.follow(routes.all())
      const { stable } = endpoint.state
      if (stable !== null) await arms.load(endpoint, stable)
    },

    ready: () => firstLoad,

    async close() {
      stopping.abort()
      await Promise.allSettled(flying)
      await afterReply()
      await shadow.close()
      await Promise.all([arms.close(), shadowArms.close()])
    },
  }
}
