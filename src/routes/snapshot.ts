import { EndpointSpec } from '@gyre/sdk/wire/endpoint'
import { RouteState } from '@gyre/sdk/wire/release'
import type { Catalog } from '../store/catalog.ts'

/** What a project declared about one endpoint. */
export interface Endpoint {
  readonly project: string
  readonly name: string
  readonly spec: EndpointSpec
  /** The code version that declared it, `code:flights@7`. */
  readonly code: string | null
}

/** An endpoint and what answers for it at this moment. */
export interface RoutedEndpoint extends Endpoint {
  readonly state: RouteState
}

/** Project → endpoint name → route, as committed at one moment. */
export type Snapshot = ReadonlyMap<string, ReadonlyMap<string, RoutedEndpoint>>

/** Which model answers, and how traffic is split. */
export const Arms = RouteState.omit({ endpoint: true, rev: true })
export type Arms = Omit<RouteState, 'endpoint' | 'rev'>

interface EndpointRow {
  readonly project: string
  readonly name: string
  readonly spec: string
  readonly code: string | null
  readonly rev: number | null
  readonly arms: string | null
}

/** An endpoint that was never released has revision 0 and no arms. */
export function toRoutedEndpoint(row: EndpointRow): RoutedEndpoint {
  const { project, name, code } = row
  const arms: Arms =
    row.arms === null
      ? { stable: null, previous: null, canary: null }
      : Arms.parse(JSON.parse(row.arms))
  const spec = EndpointSpec.parse(JSON.parse(row.spec))
  return { project, name, code, spec, state: { endpoint: name, rev: row.rev ?? 0, ...arms } }
}

/** Every endpoint of every project, in one read. */
export async function loadSnapshot(catalog: Catalog): Promise<Snapshot> {
  const rows = await routedEndpoints(catalog.read).execute()
  const projects = new Map<string, Map<string, RoutedEndpoint>>()
  for (const row of rows) {
    const endpoints = projects.get(row.project) ?? new Map<string, RoutedEndpoint>()
    projects.set(row.project, endpoints.set(row.name, toRoutedEndpoint(row)))
  }
  return projects
}

/** Endpoints joined with their route, by name; narrow it with `where`. */
export function routedEndpoints(read: Catalog['read']) {
  return read
    .selectFrom('endpoints as e')
    .leftJoin('routes as r', (join) =>
      join.onRef('r.project', '=', 'e.project').onRef('r.endpoint', '=', 'e.name'),
    )
    .select(['e.project', 'e.name', 'e.spec', 'e.code', 'r.rev', 'r.arms'])
    .orderBy('e.name')
}
