import { setImmediate as afterReply } from 'node:timers/promises'
import type { EndpointSpec } from '@gyre/sdk/wire/endpoint'
import type { PredictReply } from '@gyre/sdk/wire/predict'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { GyreError, toGyreError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import { compileRequest, type RequestContract } from '../data/request-contract.ts'
import type { Infer } from '../infer/infer.ts'
import type { ModelSource } from '../infer/session.ts'
import { eventTimeMs } from '../predictions/event-time.ts'
import type { Predictions } from '../predictions/predictions.ts'
import type { PredictionOutcome } from '../predictions/prediction-row.ts'
import type { AskedArm } from '../routes/pick.ts'
import type { Routes } from '../routes/routes.ts'
import type { RoutedEndpoint } from '../routes/snapshot.ts'
import { planArm, type Arm, type ArmAnswer, type PlanFeatures } from './arm.ts'
import { createArms } from './arms.ts'
import { classOf, toLogged, toOutcome, toReply, type Flight, type Landing } from './flight.ts'
import { isModelFault, type Outcome } from './outcome.ts'
import { readRequest, type Ask } from './request.ts'

export interface ServeDeps {
  readonly routes: Routes
  readonly infer: Infer
  readonly predictions: Pick<Predictions, 'newId' | 'log'>
  readonly clock: Clock
  readonly log: Log
  /** Where a model version lies. Throws NOT_FOUND. */
  modelSource(project: string, model: string): Promise<ModelSource>
  readonly planFeatures: PlanFeatures
  /** Told of every answered request, after its reply; must not throw. */
  onOutcome(outcome: Outcome): void
  /** Answers `POST /predict`; a project's only endpoint when undefined. */
  readonly defaultEndpoint?: string
}

export interface Answered {
  readonly reply: PredictReply
  /** Revision of the route that picked the version. */
  readonly rev: number
}

/** Answers requests by the version that the route names. */
export interface Serve {
  /**
   * `endpoint` undefined means the default one. Throws NOT_FOUND, INVALID_INPUT naming the field, OVERLOADED,
   * UNAVAILABLE (nothing released, or it would not load) and MODEL_FAILED; an error of the model's own is
   * logged as a prediction and carries `variant`, `model_version` and `route_rev` in its details.
   */
  predict(ctx: Context, endpoint: string | undefined, ask: Ask, asked: AskedArm): Promise<Answered>
  /** Loads a version before traffic is sent to it. Throws UNAVAILABLE when it would not load. */
  ensure(ctx: Context, endpoint: string, model: string): Promise<void>
  /** Resolves when every routed version is loaded, or has refused to. */
  ready(): Promise<void>
  /** Answers what is under way; then gives the models back. */
  close(): Promise<void>
}

export function createServe(deps: ServeDeps): Serve {
  const { routes, infer, predictions, clock, log } = deps
  const contracts = new WeakMap<EndpointSpec, RequestContract>()
  const arms = createArms({ open: openArm, clock, log })
  const flying = new Set<Promise<unknown>>()
  const landed: Landing[] = []
  const stopping = new AbortController()
  const firstLoad = arms.follow(routes.all())
  void followRoutes()

  function contractOf(spec: EndpointSpec): RequestContract {
    const contract = contracts.get(spec) ?? compileRequest(spec.input)
    contracts.set(spec, contract)
    return contract
  }

  async function openArm({ project, spec }: RoutedEndpoint, name: string): Promise<Arm> {
    const model = await deps.modelSource(project, name)
    const { planFeatures } = deps
    const parts = { project, spec, contract: contractOf(spec), model, planFeatures }
    const [session, fit] = await Promise.allSettled([infer.open(model), planArm(parts)])
    if (session.status === 'rejected') throw session.reason
    if (fit.status === 'fulfilled') return fit.value(session.value)
    session.value.close()
    throw fit.reason
  }

  async function followRoutes(): Promise<void> {
    while (!stopping.signal.aborted) {
      await routes.changed()
      if (!stopping.signal.aborted) void arms.follow(routes.all())
    }
  }

  async function fly(flight: Flight): Promise<Answered> {
    const { endpoint, picked, ask } = flight
    const request = readRequest(contractOf(endpoint.spec), ask)
    let answer: ArmAnswer
    try {
      const arm = arms.find(endpoint, picked.model) ?? (await arms.load(endpoint, picked.model))
      answer = await arm.answer(request, flight.atMs ?? flight.receivedMs)
    } catch (thrown) {
      throw failed(flight, toGyreError(thrown))
    }
    const { score, inputs, reasons } = answer
    const prediction = classOf(score, endpoint.spec.threshold)
    land(flight, { status: 'ok', score, prediction, inputs }, reasons)
    return { reply: toReply(flight, answer), rev: picked.rev }
  }

  function failed(flight: Flight, error: GyreError): GyreError {
    if (!isModelFault(error)) return error
    land(flight, { status: 'error', error: error.code }, [])
    const { picked, id } = flight
    const facts = {
      prediction_id: id,
      variant: picked.variant,
      model_version: picked.model,
      route_rev: picked.rev,
    }
    return new GyreError(error.code, error.message, { ...error.details, ...facts }, error)
  }

  /** Logs and counts once the reply is out, those of one turn of the event loop together. */
  function land(flight: Flight, outcome: PredictionOutcome, reasons: readonly string[]): void {
    const latencyMs = clock.monotonicMs() - flight.startedMs
    if (landed.length === 0) setImmediate(record)
    landed.push({ flight, outcome, reasons, latencyMs })
  }

  function record(): void {
    const landings = landed.splice(0)
    predictions.log(landings.map(toLogged))
    for (const landing of landings) deps.onOutcome(toOutcome(landing))
  }

  function nameOf(project: string, endpoint: string | undefined): string {
    const name = endpoint ?? deps.defaultEndpoint
    if (name !== undefined) return name
    const [only, ...others] = routes.list(project)
    if (only && others.length === 0) return only.name
    const known = routes.list(project).map((route) => route.name)
    throw new GyreError(
      'NOT_FOUND',
      known.length === 0
        ? 'endpoint: none is declared; run gyre apply'
        : `endpoint: there are several, ask /predict/ENDPOINT (${known.join(', ')})`,
      { known },
    )
  }

  return {
    async predict(ctx, endpointName, ask, asked) {
      const startedMs = clock.monotonicMs()
      const receivedMs = clock.now().getTime()
      const endpoint = routes.find(ctx.project, nameOf(ctx.project, endpointName))
      const atMs = ask.at === undefined ? undefined : eventTimeMs(ask.at, 'at', receivedMs)
      const picked = routes.pick(ctx.project, endpoint.name, { subject: ask.subject, asked })
      const id = predictions.newId(ctx.project, endpoint.name)
      const flight = fly({ endpoint, ask, picked, id, receivedMs, atMs, startedMs })
      flying.add(flight)
      try {
        return await flight
      } finally {
        flying.delete(flight)
      }
    },

    ensure: (ctx, endpoint, model) => arms.warm(routes.find(ctx.project, endpoint), model),

    ready: () => firstLoad,

    async close() {
      stopping.abort()
      await Promise.allSettled(flying)
      await afterReply()
      await arms.close()
    },
  }
}
