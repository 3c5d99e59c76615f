import { z } from 'zod'
import { ERRORS } from '../core/errors.ts'
import type { Described, StreamRoute } from './route.ts'

type JsonObject = Readonly<Record<string, unknown>>

/** The routes as an OpenAPI 3.1 document. */
export function openApiOf(routes: readonly (Described | StreamRoute)[]): JsonObject {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const route of routes) {
    const path = route.path.replaceAll(/\/:(\w+)/g, '/{$1}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route, path) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Gyre',
      version: '1',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths,
    components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
  }
}

function operationOf(route: Described | StreamRoute, path: string): JsonObject {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
  const json = 'kind' in route ? undefined : route
  return {
    summary: route.summary,
    'x-gyre-scope': route.scope,
    security: route.scope === 'public' ? [] : [{ key: [] }],
    parameters: [...inPath, ...queryOf(json)],
    ...(json?.body
      ? {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: schemaOf(json.body, 'input') } },
          },
        }
      : {}),
    responses: { ...successOf(json), ...errorsOf(route) },
  }
}

function queryOf(route: Described | undefined): readonly JsonObject[] {
  if (!route?.query) return []
  const schema = z.object({
    properties: z.record(z.string(), z.unknown()),
    required: z.array(z.string()).default([]),
  })
  const parsed = schema.safeParse(schemaOf(route.query, 'input'))
  if (!parsed.success) return []
  return Object.entries(parsed.data.properties).map(([name, property]) => ({
    name,
    in: 'query',
    required: parsed.data.required.includes(name),
    schema: property,
  }))
}

function successOf(route: Described | undefined): JsonObject {
  if (!route) return { 200: { description: 'a stream of bytes' } }
  return {
    [route.status ?? 200]: {
      description: 'ok',
      content: { 'application/json': { schema: schemaOf(route.reply, 'output') } },
    },
  }
}

function errorsOf(route: Described | StreamRoute): JsonObject {
  const byStatus = new Map<number, string[]>()
  for (const code of route.errors)
    byStatus.set(ERRORS[code].status, [...(byStatus.get(ERRORS[code].status) ?? []), code])
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [status, { description: codes.join(', ') }]),
  )
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): JsonObject {
  return z.toJSONSchema(schema, { io, unrepresentable: 'any' })
}
