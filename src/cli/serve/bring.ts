import type { GyreClient } from '@gyre/sdk/client'
import { EndpointSpec } from '@gyre/sdk/wire/endpoint'
import { Release, RouteState } from '@gyre/sdk/wire/release'
import { z } from 'zod'
import { servable } from './servable.ts'
import { endpointName, versionOf, type ServedSource } from './source.ts'

/** What is brought, and where to. */
export interface Brought {
  readonly source: ServedSource
  /** The endpoint's name; the source's own unless told. */
  readonly name: string | undefined
  /** As it was asked for; the release keeps it. */
  readonly asked: string
  /** NaN and infinities are numbers like others there. */
  readonly allowNonfinite: boolean
}

/**
 * Finds or registers the version, declares its endpoint and releases it there; what of this is so already stays.
 * Tells how to ask.
 */
export async function bring(
  client: GyreClient,
  { source, name, asked, allowNonfinite }: Brought,
): Promise<string> {
  const endpoint = endpointName(source, name)
  const version = await servable(client, await versionOf(client, source, endpoint))
  const spec = {
    name: endpoint,
    model: version.name,
    ...(allowNonfinite && { allowNonfinite }),
  }
  await client.post('/api/v1/endpoints', spec, EndpointSpec)
  const listed = await client.get('/api/v1/endpoints', Endpoints)
  const stable = listed.endpoints.find((one) => one.spec.name === endpoint)?.route.stable
  if (stable !== version.ref) {
    const plan = { kind: 'immediate' }
    const body = { model: version.ref, plan, force: `gyre serve ${asked}` }
    await client.post(`/api/v1/endpoints/${endpoint}/releases`, body, Release)
  }
  return howToAsk(client, endpoint, version.ref)
}

const Endpoints = z.object({
  endpoints: z.array(z.object({ spec: EndpointSpec, route: RouteState })),
})

const Tensors = z.array(
  z.object({ name: z.string(), datatype: z.string(), shape: z.array(z.number()) }),
)
const Described = z.object({ inputs: Tensors, outputs: Tensors })

async function howToAsk(client: GyreClient, name: string, ref: string): Promise<string> {
  const path = `/v2/models/${name}`
  const { inputs, outputs } = await client.get(path, Described)
  return `${ref} answers POST ${client.url}${path}/infer\n  takes ${textOf(inputs)}\n  gives ${textOf(outputs)}`
}

function textOf(tensors: z.infer<typeof Tensors>): string {
  return tensors.map((one) => `${one.name} ${one.datatype} [${one.shape.join(',')}]`).join(', ')
}
