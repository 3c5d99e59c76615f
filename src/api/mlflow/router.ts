import type { MlflowRoute } from './route.ts'

export interface Match {
  readonly route: MlflowRoute
  readonly params: Readonly<Record<string, string>>
}

/** Finds the route of a method and path; undefined when there is none. */
export type FindRoute = (method: string, path: string) => Match | undefined

interface Pattern {
  readonly route: MlflowRoute
  readonly parts: readonly string[]
}

const BASES = ['/api', '/ajax-api']

/** Prepares routes: those without parameters are found by one look-up. */
export function createRouter(routes: readonly MlflowRoute[]): FindRoute {
  const exact = new Map<string, Match>()
  const patterns: Pattern[] = []
  for (const route of routes)
    for (const version of route.versions ?? ['2.0'])
      for (const base of BASES) {
        const path = `${base}/${version}${route.path}`
        if (/[{*]/.test(path)) patterns.push({ route, parts: path.split('/') })
        else exact.set(`${route.method} ${path}`, { route, params: {} })
      }
  return (method, path) => {
    const verb = method === 'HEAD' ? 'GET' : method
    const known = exact.get(`${verb} ${path}`)
    if (known) return known
    const given = path.split('/')
    for (const { route, parts } of patterns) {
      const params = route.method === verb ? paramsOf(parts, given) : undefined
      if (params) return { route, params }
    }
    return undefined
  }
}

/** What `{name}` and `*` stand for; undefined when the path does not fit. */
function paramsOf(
  parts: readonly string[],
  given: readonly string[],
): Record<string, string> | undefined {
  const params: Record<string, string> = {}
  for (const [i, part] of parts.entries()) {
    const piece = given[i]
    if (part === '*')
      return piece === undefined ? undefined : { ...params, '*': given.slice(i).join('/') }
    if (piece === undefined) return undefined
    const name = /^\{(\w+)\}$/.exec(part)?.[1]
    if (name === undefined ? part !== piece : piece === '') return undefined
    if (name !== undefined) params[name] = decoded(piece)
  }
  return given.length === parts.length ? params : undefined
}

function decoded(piece: string): string {
  try {
    return decodeURIComponent(piece)
  } catch {
    return piece
  }
}
