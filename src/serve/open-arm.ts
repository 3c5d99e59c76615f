import type { EndpointSpec } from '@gyre/sdk/wire/endpoint'
import { compileRequest, type RequestContract } from '../data/request-contract.ts'
import type { Infer } from '../infer/infer.ts'
import type { Source } from '../infer/session.ts'
import type { RoutedEndpoint } from '../routes/snapshot.ts'
import { planArm, type PlanFeatures } from './arm.ts'
import type { Arm } from './arms.ts'
import { tensorArm } from './tensor-arm.ts'

export interface OpenArmDeps {
  /** Where a model version lies. Throws NOT_FOUND. */
  readonly modelSource: (project: string, endpoint: EndpointSpec, model: string) => Promise<Source>
  readonly planFeatures: PlanFeatures
}

/** The compiled contract of a declaration, made once. */
export function createContracts(): (spec: EndpointSpec) => RequestContract {
  const contracts = new WeakMap<EndpointSpec, RequestContract>()
  return (spec) => {
    const contract = contracts.get(spec) ?? compileRequest(spec.input)
    contracts.set(spec, contract)
    return contract
  }
}

/** Loads versions into the workers of `infer` and fits them to their endpoint; `priority` is that of all that they are asked. */
export function armOpener(
  { modelSource, planFeatures }: OpenArmDeps,
  infer: Infer,
  contractOf: (spec: EndpointSpec) => RequestContract,
  priority?: number,
): (endpoint: Pick<RoutedEndpoint, 'project' | 'spec'>, name: string) => Promise<Arm> {
  return async ({ project, spec }, name) => {
    const model = await modelSource(project, spec, name)
    if (model.kind !== 'scored') return tensorArm(await infer.openGraph(model, priority))
    const parts = { project, spec, contract: contractOf(spec), model, planFeatures }
    const [session, fit] = await Promise.allSettled([infer.open(model, priority), planArm(parts)])
    if (session.status === 'rejected') throw session.reason
    if (fit.status === 'fulfilled') return fit.value(session.value)
    session.value.close()
    throw fit.reason
  }
}
