import type { GyreClient } from '@gyre/sdk/client'
import { EndpointSpec } from '@gyre/sdk/wire/endpoint'
import { Verdict } from '@gyre/sdk/wire/gate'
import type { Manifest } from '@gyre/sdk/wire/manifest'
import { ModelVersion } from '@gyre/sdk/wire/model'
import { RouteState } from '@gyre/sdk/wire/release'
import { z } from 'zod'
import { gateNames } from '../../projects/model-policy.ts'
import { counted } from '../counted.ts'
import { codeCheck, rulesCheck, type FolderCode } from './judged-code.ts'
import { checkOf, gateOf, refusedGate, type CiCheck, type CiGate } from './report.ts'

/** A version that is looked at: the newest where none is named. */
export interface Asked {
  readonly model: string
  readonly version?: string | undefined
}

/** The models that a project's pipelines register. */
export function modelsOf({ pipelines }: Manifest): readonly string[] {
  const names = pipelines.flatMap(({ steps }) =>
    steps.flatMap((step) => (step.kind === 'register' ? [step.model] : [])),
  )
  return [...new Set(names)]
}

/**
 * What every gate of the folder that judged a version says of it. A version that none judged is refused, and so is a
 * verdict beside a champion that has been replaced since, by other rules than the folder's, or of a model that other
 * code made. A gate that the folder has no more is named and counts for nothing, as where the version is promoted.
 */
export async function modelGates(
  client: GyreClient,
  folder: FolderCode,
  { model, version }: Asked,
): Promise<readonly CiGate[]> {
  const found = await findVersion(client, model, version)
  if (!found) return [refusedGate('model', model, 'no version is registered')]
  const path = `/api/v1/models/${encodeURIComponent(model)}/versions/${encodeURIComponent(found.version)}/verdicts`
  const { verdicts } = await client.get(path, z.strictObject({ verdicts: z.array(Verdict) }))
  const name = `${model}@${found.version}`
  const gates = gateNames(folder.manifest)
  const own = verdicts.filter(({ gate }) => gates.has(gate))
  const lapsed = verdicts.filter(({ gate }) => !gates.has(gate)).map((one) => lapsedGate(name, one))
  if (own.length === 0)
    return [...lapsed, refusedGate('model', name, 'no gate of this folder has judged it')]
  const champions = await championsNow(client, folder.manifest)
  const code = await codeCheck(client, folder, found)
  const judged = own.map((verdict) => {
    const checks = verdict.checks.map(checkOf)
    const stale = staleCheck(verdict, champions.get(verdict.gate), found.ref)
    const gate = gateOf('model', `${name} by ${verdict.gate}`, aboutOf(verdict), [
      ...checks,
      ...stale,
      ...rulesCheck(folder.manifest, verdict),
      ...code,
    ])
    return { ...gate, model: name }
  })
  return [...judged, ...lapsed]
}

function lapsedGate(name: string, { gate, passed }: Verdict): CiGate {
  const reason = `this folder has no gate ${gate}: that it ${passed ? 'passed' : 'refused'} counts no more`
  const check = { name: 'rules', status: 'skipped', reason } as const
  return gateOf('model', `${name} by ${gate}`, reason, [check])
}

function aboutOf({ rows, champion, evaluationSet }: Verdict): string {
  const on = evaluationSet === undefined ? '' : ` of ${evaluationSet}`
  const rival = champion === null ? 'no champion yet' : `champion ${champion}`
  return `${counted(rows, 'row')}${on}, ${rival}`
}

function staleCheck(
  { champion }: Verdict,
  now: string | null | undefined,
  candidate: string,
): readonly CiCheck[] {
  if (now == null || now === champion || now === candidate) return []
  const then = champion === null ? 'there was none' : `it was ${champion}`
  const reason = `the champion is ${now} now, ${then} when the gate judged: run its pipeline again`
  return [{ name: 'champion', status: 'failed', reason }]
}

async function findVersion(
  client: GyreClient,
  model: string,
  version: string | undefined,
): Promise<ModelVersion | undefined> {
  if (version !== undefined) {
    const path = `/api/v1/models/${encodeURIComponent(model)}/versions/${encodeURIComponent(version)}`
    return client.get(path, ModelVersion)
  }
  const reply = z.strictObject({ versions: z.array(ModelVersion) })
  const { versions } = await client.get(`/api/v1/models?name=${encodeURIComponent(model)}`, reply)
  return versions[0]
}

/** Who stands behind the endpoint that each gate compares with; null for nobody. */
async function championsNow(
  client: GyreClient,
  { pipelines }: Manifest,
): Promise<ReadonlyMap<string, string | null>> {
  const Endpoints = z.object({
    endpoints: z.array(z.object({ spec: EndpointSpec, route: RouteState })),
  })
  const { endpoints } = await client.get('/api/v1/endpoints', Endpoints)
  const stable = new Map(endpoints.map(({ spec, route }) => [spec.name, route.stable]))
  const gates = pipelines.flatMap(({ steps }) => steps.filter((step) => step.kind === 'gate'))
  return new Map(
    gates.flatMap(({ name, champion }) =>
      champion === undefined ? [] : [[name, stable.get(champion) ?? null] as const],
    ),
  )
}
