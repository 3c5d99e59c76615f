import { GyreError } from '../core/errors.ts'
import type { Routes } from '../routes/routes.ts'

/**
 * Which endpoint a request means that may name none: the server's default, else the project's only one. The result
 * throws NOT_FOUND where there is none or there are several.
 */
export function endpointNamer(
  routes: Pick<Routes, 'list'>,
  defaultEndpoint: string | undefined,
): (project: string, named: string | undefined) => string {
  return (project, named) => {
    const name = named ?? defaultEndpoint
    if (name !== undefined) return name
    const known = routes.list(project).map((route) => route.name)
    const [only, ...others] = known
    if (only !== undefined && others.length === 0) return only
    throw new GyreError(
      'NOT_FOUND',
      known.length === 0
        ? 'endpoint: none is declared; run gyre apply'
        : `endpoint: there are several, ask /predict/ENDPOINT (${known.join(', ')})`,
      { known },
    )
  }
}
